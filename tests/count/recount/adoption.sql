-- The table adoption: cards that cite a technique (rule any/variants_separate), by months since paper and release.
with dated as (
    select technique, (month || '-01')::date as day, vote
    from votes join months using (model_id)
    where rule = 'any/variants_separate' and month not in ('not known', 'before 2022-03')
),
population as (
    select unnest(generate_series(min(day), max(day), interval 1 month)) as day
    from (
        select (month || '-01')::date as day from counted join months using (model_id)
        where rule = 'any/variants_separate' and month not in ('not known', 'before 2022-03')
    )
),
first as (select technique, min(day) as day from dated group by technique),
counts as (select technique, day, sum(vote) as n from dated group by all),
anchors as (
    select id as technique, 'paper' as anchor, (paper_month || '-01')::date as start from techniques
    where paper_month is not null
    union all
    select id, 'release', date_trunc('month', released::date) from techniques where released is not null
)
select
    technique,
    anchor,
    datediff('month', start, population.day) as age,
    strftime(population.day, '%Y-%m') as month,
    coalesce(n, 0) as cards,
    sum(coalesce(n, 0)) over (partition by technique, anchor order by population.day) as cumulative
from first
join anchors using (technique)
join population on population.day >= first.day
left join counts on counts.technique = first.technique and counts.day = population.day
