-- How often each carrier leaves late, by the business rule `late_minutes`. Grain: carrier. Engine: PostgreSQL or Redshift.
select
    carrier,
    count(*) as flights,
    sum(case when dep_delay >= {{ var('late_minutes') }} then 1 else 0 end) as late,
    sum(dep_delay) as delay_minutes
from {{ ref('flight_facts') }}
group by carrier
