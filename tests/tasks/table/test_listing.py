from lowland.tasks.table.listing import lines_of

LISTING = {
    "file": "t.csv",
    "rows": 10,
    "rows_used": 7,
    "rows_without_target": 2,
    "rows_dropped_for_gaps": 1,
    "missing": "drop",
    "features": [{"name": f"x{number}", "gaps": number // 11} for number in range(12)],
    "left_out": [{"name": "note", "why": "text"}],
}


def test_two_lines_name_rows_and_columns_and_cut_long_lists_short_where_there_are_no_gaps():
    assert lines_of(LISTING, target="y") == [
        "y from t.csv: 7 of 10 rows (2 without a target in use, 1 dropped for gaps)",
        "12 features: x11 (1 gap), x0, x1, x2, x3, x4, x5, x6 and 4 more; 1 gap in all, in rows left out; "
        "left out: note (text)",
    ]


def test_what_is_not_there_is_not_told():
    calm = LISTING | {"missing": "refuse", "features": [{"name": "x", "gaps": 0}], "left_out": []}
    assert lines_of(calm, target="y") == ["y from t.csv: 7 of 10 rows (2 without a target in use)", "1 feature: x"]
