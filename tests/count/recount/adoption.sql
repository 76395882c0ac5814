-- The table adoption: cards that cite a technique (rule any/variants_separate), by months since paper and release.
create or replace temp table adoption_ballots as
select month as cell, ballots.* from ballots join months using (model_id) where rule = 'any/variants_separate';

with counts as (select technique, cell as month, sum(vote) as n from adoption_ballots group by all having n > 0),
dated as (
    select technique, min((month || '-01')::date) as first from counts
    where month not in ('not known', 'before 2022-03') group by technique
),
last as (select max((cell || '-01')::date) as day from adoption_ballots where cell not in ('not known', 'before 2022-03')),
calendar as (
    select technique, strftime(unnest(generate_series(first, day, interval 1 month)), '%Y-%m') as month from dated, last
    union all
    select technique, month from counts where month in ('not known', 'before 2022-03')
),
anchors as (
    select id as technique, 'paper' as anchor, (paper_month || '-01')::date as start from techniques
    where paper_month is not null
    union all
    select id, 'release', date_trunc('month', released::date) from techniques where released is not null
)
select
    technique,
    anchor,
    case
        when month not in ('not known', 'before 2022-03')
        then datediff('month', start, strptime(month || '-01', '%Y-%m-%d')::date)
    end as age,
    month,
    case
        when month = 'before 2022-03' then 'left_censored'
        when month = 'not known' then 'undated'
        when month = (select month from unfinished) then 'partial'
        else 'complete'
    end as period,
    coalesce(n, 0) as cards,
    sum(coalesce(n, 0)) over (
        partition by technique, anchor
        order by case month when 'before 2022-03' then 0 when 'not known' then 2 else 1 end, month
    ) as cumulative,
    coalesce(base, 0) as base,
    share, low, high, effective_n, wilson_low, wilson_high
from calendar
join anchors using (technique)
left join counts using (technique, month)
left join intervals('adoption_ballots') as found on found.technique = calendar.technique and found.cell = month
