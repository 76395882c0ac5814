-- The table monthly: its two rules by month of creation, from the first month to the last, then cards without a date.
create or replace temp table monthly_ballots as
select {'rule': rule, 'month': month} as cell, ballots.*
from ballots
join months using (model_id)
semi join leaders on leaders.rule = ballots.rule and leaders.technique = ballots.technique
where rule in ('exactly_one', 'exactly_one/human_only');

with dated as (
    select distinct rule, (cell.month || '-01')::date as day
    from monthly_ballots where cell.month not in ('before 2022-03', 'not known')
),
all_months as (
    select rule, strftime(unnest(generate_series(min(day), max(day), interval 1 month)), '%Y-%m') as month
    from dated group by rule
    union all
    select distinct rule, cell.month from monthly_ballots where cell.month in ('before 2022-03', 'not known')
),
sizes as (select cell, count(distinct model_id) as cards from monthly_ballots group by cell),
cells as (
    select
        rule, month, leaders.technique,
        coalesce(base, 0) as base,
        coalesce(cards, 0) as cards,
        coalesce(cards >= 5, false) and month is distinct from (select month from unfinished) as shown,
        found.* exclude (base)
    from all_months
    join leaders using (rule)
    left join intervals('monthly_ballots') as found
        on rule = found.cell.rule and month = found.cell.month and leaders.technique = found.technique
    left join sizes on sizes.cell = found.cell
)
select
    rule,
    month,
    technique,
    base,
    cards,
    shown and effective_n >= 30 as enough,
    case when shown then numerator end as numerator,
    case when shown then share end as share,
    case when shown then low end as low,
    case when shown then high end as high,
    case when shown then effective_n end as effective_n,
    case when shown then wilson_low end as wilson_low,
    case when shown then wilson_high end as wilson_high
from cells
