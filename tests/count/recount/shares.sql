-- The table shares: one row for each standard rule and technique with a vote.
with sizes as (select rule, count(*) as cards from counted group by rule),
unread as (select count(*) as n from models where status in ('gated', 'gone', 'failed'))
select
    'all cards' as population,
    rule,
    technique,
    numerator,
    base,
    cards,
    share,
    low,
    high,
    effective_n,
    wilson_low,
    wilson_high,
    case when weighting = 'card' and vote <> 'fractional' then numerator / (base + n) end as unread_low,
    case when weighting = 'card' and vote <> 'fractional' then least(1, (numerator + n) / (base + n)) end as unread_high
from intervals('shares_ballots') join sizes on cell = rule join rules using (rule) cross join unread
