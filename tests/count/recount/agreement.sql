-- The table agreement: cards against adapter_config.json, of models whose configuration was read and has a known type.
with checked as (select model_id from models where config_status = 'parsed'),
numbers as (select (select count(*) from models) as listed, (select count(*) from checked) as checked),
facts as (
    select distinct
        variants,
        model_id,
        case variants when 'variants_separate' then mentions.technique else root end as technique,
        evidence_level = 'configured' as configured
    from mentions
    join checked using (model_id)
    join roots using (technique)
    cross join (values ('variants_grouped'), ('variants_separate')) as options(variants)
    where kind <> 'not_peft' and location is distinct from 'name'
),
of_models as (
    select variants, technique, model_id, bool_or(not configured) as cites, bool_or(configured) as is_configured
    from facts group by all
),
counts as (
    select
        variants,
        technique,
        count(*) filter (cites and is_configured) as cites_and_is,
        count(*) filter (cites and not is_configured) as cites_but_is_not,
        count(*) filter (is_configured and not cites) as is_but_does_not_cite
    from of_models group by all
),
bases as (
    select *, cites_and_is + cites_but_is_not as citing, cites_and_is + is_but_does_not_cite as being
    from counts cross join numbers
)
select
    variants,
    technique,
    listed,
    checked,
    cites_and_is,
    cites_but_is_not,
    is_but_does_not_cite,
    checked - cites_and_is - cites_but_is_not - is_but_does_not_cite as neither,
    case when citing > 0 then cites_and_is / citing end as citing_that_are,
    case when citing > 0 then wilson_low(cites_and_is, citing) end as citing_that_are_low,
    case when citing > 0 then wilson_high(cites_and_is, citing) end as citing_that_are_high,
    case when being > 0 then cites_and_is / being end as being_that_cite,
    case when being > 0 then wilson_low(cites_and_is, being) end as being_that_cite_low,
    case when being > 0 then wilson_high(cites_and_is, being) end as being_that_cite_high
from bases
