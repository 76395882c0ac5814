-- Which card votes for which technique under each standard rule. docs/definitions.md says the same in words.
-- Tables: models and mentions of the snapshot; techniques: id, kind, variant_of, paper_month, released, selector (manifest.json).

create macro wilson_middle(n, b) as (n / b + 1.959963984540054 ** 2 / (2 * b)) / (1 + 1.959963984540054 ** 2 / b);
create macro wilson_half(n, b) as
    1.959963984540054 * sqrt(n / b * (1 - n / b) / b + 1.959963984540054 ** 2 / (4 * b ** 2))
    / (1 + 1.959963984540054 ** 2 / b);
create macro wilson_low(n, b) as greatest(0, wilson_middle(n, b) - wilson_half(n, b));
create macro wilson_high(n, b) as least(1, wilson_middle(n, b) + wilson_half(n, b));

-- The interval that is quoted: cards of one author are correlated. A row of `ballots` is a card (owner) with its weight
-- (base) and its vote for a technique, in a cell that has its own share.
create macro intervals(ballots) as table
with by_author as (
    select
        cell, technique, owner,
        sum(base) as base, sum(vote) as vote, sum(base ** 2) as squares, sum(vote ** 2 / base) as within
    from query_table(ballots)
    group by all
),
sums as (
    select
        cell, technique,
        count(*) as authors, sum(base) as b, sum(vote) as v, least(1, sum(vote) / sum(base)) as p,
        sum(squares) as squares, sum(base ** 2) as together, sum(within) as within,
        sum(within - vote ** 2 / base) as inside, sum(base - squares / base) as free
    from by_author
    group by all
),
deviations as (
    select cell, technique, sum((vote - p * base) ** 2) as deviation
    from by_author join sums using (cell, technique)
    group by all
),
-- The variance by linearization, and the one that the correlation within authors implies.
variances as (
    select
        *,
        b ** 2 / squares as independent,
        b ** 2 / together as alike,
        case when authors > 1 then deviation / b ** 2 * authors / (authors - 1) else 0 end as drawn,
        greatest(0, within / b - p ** 2) as spread,
        case when spread * free > 0 then least(1, greatest(0, 1 - inside / (spread * free))) else 0 end as correlation,
        spread * (squares + correlation * (together - squares)) / b ** 2 as implied,
        case when alike < 30 then greatest(drawn, implied) else (drawn + greatest(drawn, implied)) / 2 end as variance
    from sums join deviations using (cell, technique)
),
sized as (
    select
        *,
        case
            when authors = 1 then 1
            when p * (1 - p) < 1e-12 then alike
            when variance > 0 then least(independent, greatest(1, p * (1 - p) / variance))
            else independent
        end as effective_n
    from variances
)
select
    cell, technique, v as numerator, b as base, p as share, effective_n,
    wilson_low(p * effective_n, effective_n) as low, wilson_high(p * effective_n, effective_n) as high,
    wilson_low(p * independent, independent) as wilson_low, wilson_high(p * independent, independent) as wilson_high
from sized;

-- The root of a technique: the end of its chain of variant_of.
create table roots as
with recursive chain(technique, kind, root) as (
    select id, kind, id from techniques
    union all
    select technique, chain.kind, variant_of from chain join techniques on id = root where variant_of is not null
)
select technique, chain.kind, root from chain join techniques on id = root where variant_of is null;

create table rules(
    rule text, vote text, separate bool, people bool, applied bool, configured bool, names bool, weighting text
);
insert into rules values
    ('exactly_one', 'exactly_one', false, false, false, false, false, 'card'),
    ('any', 'any', false, false, false, false, false, 'card'),
    ('fractional', 'fractional', false, false, false, false, false, 'card'),
    ('exactly_one/variants_separate', 'exactly_one', true, false, false, false, false, 'card'),
    ('any/variants_separate', 'any', true, false, false, false, false, 'card'),
    ('fractional/variants_separate', 'fractional', true, false, false, false, false, 'card'),
    ('exactly_one/human_only', 'exactly_one', false, true, false, false, false, 'card'),
    ('exactly_one/per_author', 'exactly_one', false, false, false, false, false, 'author'),
    ('exactly_one/include_names', 'exactly_one', false, false, false, false, true, 'card'),
    ('exactly_one/applied_only', 'exactly_one', false, false, true, false, false, 'card'),
    ('exactly_one/deduplicated', 'exactly_one', false, false, false, false, false, 'cluster'),
    ('any/applied_only', 'any', false, false, true, false, false, 'card'),
    ('any/configured_only', 'any', false, false, false, true, false, 'card');

create table cards as
select
    *,
    coalesce(author, case when contains(model_id, '/') then split_part(model_id, '/', 1) else '' end) as owner,
    coalesce('duplicate ' || near_duplicate, 'single ' || model_id) as cluster
from models;

-- The techniques that each card cites: distinct, without techniques that are not PEFT. Names and configurations count
-- only under rules of their own.
create table pairs as
select distinct rules.rule, mentions.model_id, case when separate then mentions.technique else root end as technique
from mentions join roots using (technique) cross join rules
where kind <> 'not_peft'
    and (names or location is distinct from 'name')
    and (not people or generator is null)
    and (not rules.applied or mentions.applied)
    and configured = (evidence_level = 'configured');

-- The cards that count, with their weight.
create table counted as
with sizes as (select rule, model_id, count(*) as size from pairs group by all)
select
    rule, model_id, owner, vote, size,
    1 / case weighting
        when 'author' then count(*) over (partition by rule, owner)
        when 'cluster' then count(*) over (partition by rule, cluster)
        else 1
    end as weight
from sizes join rules using (rule) join cards using (model_id)
where vote <> 'exactly_one' or size = 1;

create table votes as
select rule, model_id, owner, technique, case vote when 'fractional' then weight / size else weight end as vote
from counted join pairs using (rule, model_id);

-- The techniques that tables by group and by month show: LoRA, and the twelve with the most votes.
create table leaders as
with totals as (select rule, technique, sum(vote) as total from votes group by all),
ranked as (
    select rule, technique, row_number() over (partition by rule order by round(total, 9) desc, technique) as rank
    from totals
)
select rule, technique from ranked where rank <= 12
union
select distinct rule, 'lora' from totals;

-- Every card that counts, with its vote for every technique: 0 where it votes for others only.
create table ballots as
select counted.rule, model_id, counted.owner, technique, weight as base, coalesce(votes.vote, 0) as vote
from counted
join (select distinct rule, technique from votes union select rule, technique from leaders) using (rule)
left join votes using (rule, model_id, technique);
create table shares_ballots as
select rule as cell, ballots.* from ballots
where technique = 'lora' or (rule, technique) in (select (rule, technique) from votes);

-- What cards cite and what adapter_config.json says, of models whose configuration was read and has a known type.
create table agreeing as
select
    variants,
    model_id,
    owner,
    case variants when 'variants_separate' then mentions.technique else root end as technique,
    bool_or(evidence_level <> 'configured') as cites,
    bool_or(evidence_level = 'configured') as is_configured
from mentions
join cards using (model_id)
join roots using (technique)
cross join (values ('variants_grouped'), ('variants_separate')) as options(variants)
where config_status = 'parsed' and roots.kind <> 'not_peft' and location is distinct from 'name'
group by all;
alter table agreeing add column tellable bool;
update agreeing set tellable = (
    select kind = 'peft_type' or selector is not null from techniques where id = agreeing.technique
);
create table agreement_ballots as
select variants || ' citing' as cell, technique, owner, 1.0::double as base, is_configured::int::double as vote
from agreeing where cites and tellable
union all
select variants || ' being', technique, owner, 1.0, cites::int from agreeing where is_configured;
