"""Which test works on which days of 2013: each has days of its own, so that none disturbs another."""

FAULTY = ("2013-02-05", "2013-02-06", "2013-02-07")
ASKED_OF_A_PERSON = "2013-02-08"
TWICE_AT_ONCE = "2013-03-05"
DATABASE_RESTARTED = "2013-03-06"
WORKER_KILLED = "2013-03-08"
EMPTY = "2013-04-01"
NOT_LOADABLE = "2013-04-02"
DISK_FULL = "2013-04-03"
BACKFILLED = ("2013-05-01", "2013-05-02")
#: The crash matrix takes the days from here on.
FIRST_CRASH = "2013-01-01"
