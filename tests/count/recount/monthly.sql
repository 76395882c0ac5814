-- The table monthly: rule exactly_one by month of creation, from the first month to the last.
create or replace temp table monthly_ballots as
select month as cell, ballots.*
from ballots
join months using (model_id)
semi join leaders on leaders.rule = ballots.rule and leaders.technique = ballots.technique
where ballots.rule = 'exactly_one' and month <> 'not known';

with dated as (select distinct (cell || '-01')::date as day from monthly_ballots where cell <> 'before 2022-03'),
all_months as (
    select strftime(unnest(generate_series(min(day), max(day), interval 1 month)), '%Y-%m') as month from dated
    union all
    select distinct cell from monthly_ballots where cell = 'before 2022-03'
),
cells as (
    select month, leaders.technique, coalesce(base, 0) as base, coalesce(base >= 5, false) as shown, found.* exclude (base)
    from all_months
    cross join leaders
    left join intervals('monthly_ballots') as found on month = found.cell and leaders.technique = found.technique
    where leaders.rule = 'exactly_one'
)
select
    'exactly_one' as rule,
    month,
    technique,
    base,
    shown and effective_n >= 30 as enough,
    case when shown then numerator end as numerator,
    case when shown then share end as share,
    case when shown then low end as low,
    case when shown then high end as high,
    case when shown then effective_n end as effective_n,
    case when shown then wilson_low end as wilson_low,
    case when shown then wilson_high end as wilson_high
from cells
