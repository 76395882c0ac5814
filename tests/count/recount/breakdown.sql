-- The table breakdown: rule exactly_one within each group of cards.
create or replace temp table headline_cards as
select dimension, value, model_id, owner from groups join counted using (model_id) where rule = 'exactly_one';

-- Of a long list the forty largest values are shown one by one.
create or replace temp table cells as
with sizes as (select dimension, value, count(*) as size from headline_cards group by all),
ranked as (
    select
        dimension, value,
        row_number() over (partition by dimension order by size desc, value) as rank,
        count(*) over (partition by dimension) as n_values
    from sizes
)
select
    dimension, value,
    case when dimension = 'month' or n_values <= 41 or rank <= 40 then value else 'other' end as cell
from ranked;

create or replace temp table breakdown_ballots as
select {'dimension': dimension, 'value': cell} as cell, ballots.technique, ballots.owner, base, vote
from headline_cards
join cells using (dimension, value)
join ballots using (model_id)
semi join leaders on leaders.rule = ballots.rule and leaders.technique = ballots.technique
where ballots.rule = 'exactly_one';

with sizes as (
    select dimension, cell, count(*) as base, count(distinct owner) as authors
    from headline_cards join cells using (dimension, value) group by all
),
small as (select *, base < 5 or authors < 3 as few from sizes),
-- A single hidden cell could be found by subtraction, so the smallest of the others is hidden with it.
hidden as (
    select
        dimension, cell as value,
        few or (
            sum(few::int) over (partition by dimension) = 1
            and row_number() over (partition by dimension, few order by base, cell) = 1
        ) as suppressed
    from small
),
found as (select cell.dimension as dimension, cell.value as value, * exclude (cell) from intervals('breakdown_ballots'))
select
    'exactly_one' as rule, hidden.dimension, hidden.value, suppressed,
    technique, numerator, base, share, low, high, effective_n, wilson_low, wilson_high
from hidden left join found on not suppressed and hidden.dimension = found.dimension and hidden.value = found.value
