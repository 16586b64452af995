"""# How do you design a normalised schema for a lending library?

**Say it.** Write down what determines what: the ISBN the title, the barcode the book, the member number the address. Each
determinant becomes a table's key, each many-to-many a table of its own, and the rules become constraints: one open loan a copy, no
loan without its copy. Each fact then stands once, so no update can contradict itself.

**How it works.** One sheet with a row for each loan holds everything; the functional dependencies take it apart:

| step | rule | what it moves out of the sheet |
| --- | --- | --- |
| 1NF | one value in a cell | `authors` "Knuth; Patashnik" becomes rows of `book_authors` |
| 2NF | nothing depends on a part of the key (barcode, lent_on) | barcode → isbn gives `copies` |
| 3NF | nothing depends on a non-key | isbn → title gives `books`; member → name, address gives `members` |
| BCNF | every determinant is a key | holds here, as each table has one candidate key (check it where keys overlap) |
| 4NF | independent lists are apart | authors and subjects of a book would be two tables, never one of pairs |

A book is not a copy: one has an ISBN, the other a barcode and a shelf. A hold waits for the book, a loan takes the copy. "Lent once at
a time" is no key, as a copy is lent many times: a *partial unique index* on the open loans says it. Which normal form? 3NF for
what is written; join and denormalise for what is only read, from these tables, by a view or a mart.

**This run proves**
- *what determines what*: each dependency is checked on the sheet's rows, and so is one that does not hold;
- *the tables joined give the sheet back*: the decomposition loses and invents nothing;
- *an address changed once is changed everywhere*: the sheet keeps two addresses of a member, the tables one;
- *a book without a loan exists*, which no row of the sheet could say; *the last return deletes no book*;
- *a copy is lent once at a time*, *a copy needs its book*, *an author is linked once to a book*, *a member holds a book once*:
  what the constraints refuse.

**Break it.** `unnormalised`: the application writes the new address into the row of the sheet that it has at hand.
`no_open_loan_index`: two desks lend the same copy.

**Where this stops.** The address that a reminder was sent to is a fact of its own: history belongs in the loan, or in a versioned
member; that is no redundancy. Two holds on the last copy are a queue, whose order the schema keeps (`asked_at`) but whose fairness
is the program's. A library with branches and electronic licences needs more tables, by the same steps.

**Sources.** Codd, [A Relational Model of Data for Large Shared Data Banks](https://doi.org/10.1145/362384.362685). Kent,
[A Simple Guide to Five Normal Forms](https://doi.org/10.1145/358024.358054). PostgreSQL:
[constraints](https://www.postgresql.org/docs/18/ddl-constraints.html),
[partial indexes](https://www.postgresql.org/docs/18/indexes-partial.html).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, prove_raises, scratch

SQL = Path(__file__).with_name("sql")
SHEET = [  # barcode, isbn, title, authors, member, name, address, lent_on, returned_on
    (
        "c1",
        "i1",
        "Concrete Mathematics",
        "Graham; Knuth; Patashnik",
        1,
        "Ada",
        "Old Street",
        "2024-01-01",
        "2024-01-09",
    ),
    ("c2", "i1", "Concrete Mathematics", "Graham; Knuth; Patashnik", 2, "Ben", "Mill Lane", "2024-01-02", None),
    ("c1", "i1", "Concrete Mathematics", "Graham; Knuth; Patashnik", 2, "Ben", "Mill Lane", "2024-02-01", "2024-02-03"),
    ("c3", "i2", "Emma", "Austen", 1, "Ada", "Old Street", "2024-02-01", None),
    ("c4", "i3", "Emma", "Kaori", 3, "Ada", "Mill Lane", "2024-03-01", "2024-03-05"),  # another Emma, another Ada
    ("c4", "i3", "Emma", "Kaori", 1, "Ada", "Old Street", "2024-03-05", None),  # lent again on the day of its return
]
DEPENDENCIES = {  # determinant -> dependent, and whether it holds
    ("isbn", "title"): True,
    ("isbn", "authors"): True,
    ("barcode", "isbn"): True,
    ("member", "name, address"): True,
    ("barcode, lent_on", "member"): True,
    ("title", "isbn"): False,
    ("name", "member"): False,
    ("barcode", "member"): False,
}
JOINED = """
    SELECT
        loans.barcode, isbn, title, written_by.authors, member, name, address,
        lent_on::text, returned_on::text
    FROM loans
    INNER JOIN copies USING (barcode)
    INNER JOIN books USING (isbn)
    INNER JOIN members USING (member)
    INNER JOIN (
        SELECT isbn, string_agg(author, '; ' ORDER BY author) AS authors
        FROM book_authors
        GROUP BY isbn
    ) AS written_by USING (isbn)
"""
REFUSED = {
    "copy": "INSERT INTO copies VALUES ('c9', 'i9', 'A1')",
    "author": "INSERT INTO book_authors VALUES ('i1', 'Knuth')",
    "hold": "INSERT INTO holds VALUES ('i1', 3, '2024-03-02')",
    "loan": "INSERT INTO loans VALUES ('c2', 3, '2024-03-01', NULL)",
}


def refuse(connection: Any, statement: str) -> None:
    """Run the statement in a savepoint, so that the error leaves the rest of the transaction whole."""
    with connection.transaction():
        connection.execute(statement)


@answer(
    questions=["sql-library-schema-normalization"],
    breaks={
        "unnormalised": {
            "what": "the new address is written into one row of the sheet",
            "fails": ["an address changed once is changed everywhere"],
        },
        "no_open_loan_index": {
            "what": "the schema lacks the partial unique index",
            "fails": ["a copy is lent once at a time"],
        },
    },
    scratch=["schema"],
)
def library_schema():
    @task
    def find_dependencies() -> None:
        with scratch.connect() as connection:
            connection.execute((SQL / "library_schema_tables.sql").read_text())
            with connection.cursor() as cursor:
                cursor.executemany(f"INSERT INTO sheet VALUES ({', '.join(['%s'] * 9)})", SHEET)  # noqa: S608
            holds = {}
            for determinant, dependent in DEPENDENCIES:
                # A determinant with two dependents is a counterexample.
                query = f"SELECT FROM sheet GROUP BY {determinant} HAVING count(DISTINCT ({dependent})) > 1"
                holds[f"{determinant} -> {dependent}"] = not connection.execute(query).fetchall()
        expected = {f"{left} -> {right}": holds for (left, right), holds in DEPENDENCIES.items()}
        prove("what determines what", observed=holds, expected=expected)

    @task
    def decompose() -> None:
        with scratch.connect() as connection:
            connection.execute((SQL / "library_schema_decompose.sql").read_text())
            prove(
                "the tables joined give the sheet back",
                observed=connection.execute(JOINED).fetchall(),
                expected=SHEET,
                how="rows",
            )

    @task
    def change_an_address(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            if params["break_it"] == "unnormalised":
                connection.execute("UPDATE sheet SET address = 'New Square' WHERE barcode = 'c3' AND member = 1")
                query = "SELECT DISTINCT address FROM sheet WHERE member = 1"
            else:
                connection.execute("UPDATE members SET address = 'New Square' WHERE member = 1")
                query = f"SELECT DISTINCT address FROM ({JOINED}) AS sheet WHERE member = 1"  # noqa: S608
            addresses = [row[0] for row in connection.execute(query)]
            connection.execute("INSERT INTO books VALUES ('i4', 'Persuasion')")  # bought, never lent
            unread = "SELECT isbn FROM books WHERE isbn NOT IN (SELECT isbn FROM copies)"
            found = connection.execute(unread).fetchall()
            connection.execute("DELETE FROM loans WHERE barcode = 'c3'")  # the sheet would forget the first Emma
            kept = connection.execute("SELECT title FROM books WHERE isbn = 'i2'").fetchall()
        prove("a book without a loan exists", observed=found, expected=[("i4",)])
        prove("the last return deletes no book", observed=kept, expected=[("Emma",)])
        prove("an address changed once is changed everywhere", observed=addresses, expected=["New Square"])

    @task
    def refuse_contradictions(params: dict[str, Any] | None = None) -> None:
        from psycopg.errors import ForeignKeyViolation, UniqueViolation

        with scratch.connect() as connection:
            connection.execute("INSERT INTO holds VALUES ('i1', 3, '2024-03-01')")
            if params["break_it"] == "no_open_loan_index":
                connection.execute("DROP INDEX one_open_loan_a_copy")
            with prove_raises("a copy needs its book", ForeignKeyViolation):
                refuse(connection, REFUSED["copy"])
            with prove_raises("an author is linked once to a book", UniqueViolation):
                refuse(connection, REFUSED["author"])
            with prove_raises("a member holds a book once", UniqueViolation):
                refuse(connection, REFUSED["hold"])
            with prove_raises("a copy is lent once at a time", UniqueViolation):
                refuse(connection, REFUSED["loan"])

    find_dependencies() >> decompose() >> [change_an_address(), refuse_contradictions()]
