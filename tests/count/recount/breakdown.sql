-- The table breakdown: its two rules within each group of cards.
create or replace temp table headline_cards as
select rule, dimension, value, model_id, owner from groups join counted using (model_id)
where rule in ('exactly_one', 'exactly_one/human_only');

-- Of a long list the forty largest values are shown one by one.
create or replace temp table cells as
with sizes as (select rule, dimension, value, count(*) as size from headline_cards group by all),
ranked as (
    select
        rule, dimension, value,
        row_number() over (partition by rule, dimension order by size desc, value) as rank,
        count(*) over (partition by rule, dimension) as n_values
    from sizes
)
select
    rule, dimension, value,
    case when dimension = 'month' or n_values <= 41 or rank <= 40 then value else 'other' end as cell
from ranked;

create or replace temp table breakdown_ballots as
select {'rule': rule, 'dimension': dimension, 'value': cell} as cell, ballots.technique, ballots.owner, base, vote
from headline_cards
join cells using (rule, dimension, value)
join ballots using (rule, model_id)
semi join leaders on leaders.rule = ballots.rule and leaders.technique = ballots.technique;

with sizes as (
    select rule, dimension, cell, count(*) as cards, count(distinct owner) as authors
    from headline_cards join cells using (rule, dimension, value) group by all
),
small as (select *, cards < 5 or authors < 3 as few from sizes),
-- A single hidden cell could be found by subtraction, so the smallest of the others is hidden with it.
hidden as (
    select
        rule, dimension, cell as value, cards,
        few or (
            sum(few::int) over (partition by rule, dimension) = 1
            and row_number() over (partition by rule, dimension, few order by cards, cell) = 1
        ) as suppressed
    from small
),
found as (
    select cell.rule as rule, cell.dimension as dimension, cell.value as value, * exclude (cell)
    from intervals('breakdown_ballots')
)
select
    hidden.rule, hidden.dimension, hidden.value, suppressed, case when not suppressed then cards end as cards,
    technique, numerator, base, share, low, high, effective_n, wilson_low, wilson_high
from hidden
left join found
    on not suppressed
    and hidden.rule = found.rule and hidden.dimension = found.dimension and hidden.value = found.value
