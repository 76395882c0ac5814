-- The value of each model in each dimension of the table breakdown.
-- Table families: family, position (its order in families.toml), word.

create macro named(text) as coalesce(nullif(regexp_replace(text, '^\s+|\s+$', '', 'g'), ''), 'not known');
create macro one_of(names, none) as
    case len(names) when 0 then none when 1 then names[1] else 'several' end;

create table months as
select
    model_id,
    case
        when created_at is null then 'not known'
        when created_at at time zone 'UTC' < timestamp '2022-03-03' then 'before 2022-03'
        else strftime(created_at at time zone 'UTC', '%Y-%m')
    end as month
from models;

-- The month of the newest model, unless that was created on the last day of a month.
create table unfinished as
with last_model as (select max(created_at at time zone 'UTC') as newest from models)
select case when month(newest + interval 1 day) = month(newest) then strftime(newest, '%Y-%m') end as month from last_model;

create table base_families as
with named_bases as (
    select
        model_id,
        named(base_model) as base,
        regexp_replace(lower(split_part(named(base_model), '/', -1)), '[^a-z0-9]', '', 'g') as letters
    from models
)
select
    model_id,
    case
        when base = 'not known' then base
        when base in (select family from families) then base
        else coalesce((select arg_min(family, position) from families where contains(letters, word)), 'other')
    end as family
from named_bases;

create table groups as
select model_id, 'month' as dimension, month as value from months
union all select model_id, 'task', named(pipeline_tag) from models
union all select model_id, 'base_family', family from base_families
union all select model_id, 'library', named(library_name) from models
union all
select
    model_id, 'generator',
    one_of(list_distinct(list_transform(coalesce(generators, []), lambda x: split_part(x, '/', 1))), 'people only')
from models
union all
select
    model_id, 'downloads',
    case
        when downloads is null then 'not known'
        when downloads <= 0 then '0'
        when downloads <= 9 then '1–9'
        when downloads <= 99 then '10–99'
        when downloads <= 999 then '100–999'
        when downloads <= 9999 then '1,000–9,999'
        when downloads <= 99999 then '10,000–99,999'
        else '100,000 or more'
    end
from models
union all
select
    model_id, 'language',
    one_of(
        list_distinct(
            list_transform(coalesce(languages, []), lambda x: left(lower(regexp_replace(x, '^\s+|\s+$', '', 'g')), 20))
        ),
        'not known'
    )
from models
union all
select
    model_id, 'author_kind',
    case
        when count(*) over (partition by owner) = 1 then '1 model'
        when count(*) over (partition by owner) <= 9 then '2–9 models'
        when count(*) over (partition by owner) <= 99 then '10–99 models'
        else '100 models or more'
    end
from cards;
