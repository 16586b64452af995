-- Each functional dependency of the sheet becomes the rows of its table; DISTINCT, as each fact was told often.
-- Grain: that of each table. Engine: PostgreSQL.

INSERT INTO books
SELECT DISTINCT
    isbn,
    title
FROM sheet;

INSERT INTO book_authors
SELECT DISTINCT
    isbn,
    trim(author)
FROM sheet
CROSS JOIN string_to_table(authors, ';') AS author;

INSERT INTO copies
SELECT DISTINCT
    barcode,
    isbn
FROM sheet;

INSERT INTO members
SELECT DISTINCT
    member,
    name,
    address
FROM sheet;

INSERT INTO loans
SELECT
    barcode,
    member,
    lent_on,
    returned_on
FROM sheet;
