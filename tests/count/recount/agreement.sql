-- The table agreement: cards against adapter_config.json, of models whose configuration was read and has a known type.
with numbers as (
    select (select count(*) from models) as listed, count(*) as checked from models where config_status = 'parsed'
),
counts as (
    select
        variants,
        technique,
        count(*) filter (cites and is_configured) as cites_and_is,
        count(*) filter (cites and not is_configured and tellable) as cites_but_is_not,
        count(*) filter (cites and not is_configured and not tellable) as not_tellable,
        count(*) filter (is_configured and not cites) as is_but_does_not_cite
    from agreeing group by all
)
select
    variants,
    counts.technique,
    listed,
    checked,
    cites_and_is,
    cites_but_is_not,
    not_tellable,
    is_but_does_not_cite,
    checked - cites_and_is - cites_but_is_not - not_tellable - is_but_does_not_cite as neither,
    citing.share as citing_that_are,
    citing.low as citing_that_are_low,
    citing.high as citing_that_are_high,
    citing.effective_n as citing_that_are_effective_n,
    being.share as being_that_cite,
    being.low as being_that_cite_low,
    being.high as being_that_cite_high,
    being.effective_n as being_that_cite_effective_n
from counts
cross join numbers
left join intervals('agreement_ballots') as citing
    on citing.cell = variants || ' citing' and citing.technique = counts.technique
left join intervals('agreement_ballots') as being
    on being.cell = variants || ' being' and being.technique = counts.technique
