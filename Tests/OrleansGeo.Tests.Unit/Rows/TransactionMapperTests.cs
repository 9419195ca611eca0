using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Tests.Unit.Gateway;
using Xunit;

namespace OrleansGeo.Tests.Unit.Rows;

/// <summary>From transactions as users give them to what ranges are asked.</summary>
public sealed class TransactionMapperTests
{
    private const ScanOperator NoOperator = (ScanOperator)99;
    private const WriteKind NoWrite = (WriteKind)99;
    private const int TooMany = GeoLimits.TransactionStepsMax + 1;
    private static readonly byte[] s_request = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];

    private static readonly ImmutableDictionary<string, TableInfo> s_tables = ImmutableDictionary.CreateRange(
        StringComparer.Ordinal,
        [
            KeyValuePair.Create("acct", Table(3, "acct", new("id", DatumType.String, false), new("n", DatumType.Int64),
                new("level", DatumType.Int64, false, Datum.FromInt64(4)))),
            KeyValuePair.Create("log", Table(4, "log", new("id", DatumType.Uuid, false, null, "gen_random_uuid()"),
                new("n", DatumType.Int64))),
        ]);

    private static readonly TransactionRequest s_empty = new(TransactionIsolation.Serializable, [], [], []);

    private static TableInfo Table(long id, string name, params ColumnSpec[] columns) => new(
        id, "app", new(name, [.. columns], ["id"], new TableLocality.Regional()), [.. Enumerable.Range(1, columns.Length)], 1, "east",
        SurvivalGoal.Zone);

    private static ImmutableArray<Datum> Id(string id) => [Datum.FromString(id)];

    private static TransactionWrite Write(WriteKind kind, string id, long? n = 1) => new(
        "acct", new(kind, Id(id), n is { } value ? [new("n", Datum.FromInt64(value))] : [], Precondition.None));

    private static TransactionWrite Log(Datum id) =>
        new("log", new(WriteKind.Insert, [id], [new("n", Datum.FromInt64(1))], Precondition.None));

    private static TransactionCondition.Field Field(string column, ScanOperator comparison, Datum literal) =>
        new("acct", Id("a"), new(column, comparison, literal));

    private static TransactionRequest Conditions(params TransactionCondition[] conditions) => s_empty with { Conditions = [.. conditions] };

    private static TransactionRequest Writes(params TransactionWrite[] writes) => s_empty with { Writes = [.. writes] };

    private static GeoError? Map(TransactionRequest transaction, out MappedTransaction mapped) =>
        TransactionMapper.TryMap(transaction, s_tables, s_request, out mapped);

    private static MappedTransaction Good(TransactionRequest transaction)
    {
        Assert.Null(Map(transaction, out var mapped));
        return mapped;
    }

    [Fact]
    public void Every_step_gets_its_stored_key_in_the_order_given()
    {
        var mapped = Good(s_empty with
        {
            Reads = [new("acct", Id("b")), new("acct", Id("a"))],
            Conditions = [new TransactionCondition.Existence("acct", Id("c"), true)],
            Writes = [Write(WriteKind.Put, "d"), Write(WriteKind.Delete, "c", null), Write(WriteKind.Increment, "a")],
        });
        Key Row(string id) => TableKeys.Row(3, TableKeys.PrimaryIndex, Datum.FromString(id));
        Assert.Equal([Row("b"), Row("a")], mapped.Reads);
        Assert.Equal([Row("c")], mapped.Conditions.Select(condition => condition.Check.Key));
        Assert.Equal(
            [(WriteKind.Put, Row("d")), (WriteKind.Delete, Row("c")), (WriteKind.Increment, Row("a"))],
            mapped.Writes.Select(write => (write.Kind, write.Key)));
        Assert.Equal([Id("d")[0], Id("c")[0], Id("a")[0]], mapped.WriteKeys.Select(key => key[0]));
    }

    [Fact]
    public void Two_inserts_of_one_transaction_make_two_rows_and_a_retry_makes_the_same()
    {
        var transaction = s_empty with { Writes = [Log(Datum.Null), Log(Datum.Null)] };
        var (first, again) = (Good(transaction), Good(transaction));
        Assert.NotEqual(first.Writes[0].Key, first.Writes[1].Key);
        Assert.Equal(first.Writes.Select(write => write.Key), again.Writes.Select(write => write.Key));
        Assert.Equal(first.WriteKeys.Select(key => key[0]), first.Writes.Select(write => RowMapper.KeyOf(write.Key)[0]));
        Assert.Null(TransactionMapper.TryMap(transaction, s_tables, [.. s_request.Reverse()], out var other));
        Assert.Empty(first.Writes.Select(write => write.Key).Intersect(other.Writes.Select(write => write.Key)));
    }

    public static TheoryData<string, string, TransactionRequest> Refused => new()
    {
        { "unknown-isolation", "isolation", s_empty with { Isolation = (TransactionIsolation)9, Writes = [Write(WriteKind.Put, "a")] } },
        { "empty-transaction", "writes", s_empty },
        { "table-not-found", "reads[0].table", s_empty with { Reads = [new("none", Id("a"))] } },
        { "table-not-found", "conditions[0].table", Conditions(new TransactionCondition.VersionIs("no", [], default)) },
        { "table-not-found", "writes[1].table", Writes(Write(WriteKind.Put, "a"), Write(WriteKind.Put, "b") with { Table = "none" }) },
        { "wrong-key-length", "reads[1].key", s_empty with { Reads = [new("acct", Id("a")), new("acct", [])] } },
        { "wrong-type", "conditions[0].id", Conditions(new TransactionCondition.Existence("acct", [Datum.FromInt64(1)], true)) },
        { "unknown-column", "conditions[0].zzz", Conditions(Field("zzz", ScanOperator.Equal, Datum.FromInt64(1))) },
        { "wrong-type", "conditions[0].n", Conditions(Field("n", ScanOperator.Equal, Datum.FromString("1"))) },
        { "unknown-operator", "conditions[0].n", Conditions(Field("n", NoOperator, Datum.FromInt64(1))) },
        { "unknown-write", "writes[0].kind", Writes(Write(NoWrite, "a")) },
        { "nothing-to-add", "writes[0].values", Writes(Write(WriteKind.Increment, "a", null)) },
        {
            "duplicate-write", "writes[2]",
            Writes(Write(WriteKind.Put, "a"), Write(WriteKind.Put, "b"), Write(WriteKind.Delete, "a", null))
        },
        {
            "too-many-steps", "reads",
            s_empty with { Reads = [.. Enumerable.Repeat(new TransactionRead("none", []), TooMany)] }
        },
        { "too-many-steps", "conditions", Conditions([.. Enumerable.Repeat(Field("n", NoOperator, default), TooMany)]) },
        { "too-many-steps", "writes", Writes([.. Enumerable.Repeat(Write(NoWrite, "a"), TooMany)]) },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void A_transaction_that_makes_no_sense_names_the_step(string code, string field, TransactionRequest transaction)
    {
        var error = Map(transaction, out _);
        Assert.Equal((code, field), (error!.Code, error.Field));
    }

    [Fact]
    public void Writes_over_the_limit_of_bytes_are_too_large_together_and_each_alone_is_not()
    {
        var text = Datum.FromString(new('x', 1_000_000));
        var table = Table(7, "blobs", new("id", DatumType.Int64, false), new("v", DatumType.String));
        var tables = ImmutableDictionary<string, TableInfo>.Empty.Add("blobs", table);
        TransactionRequest Of(int writes) => s_empty with
        {
            Writes = [.. Enumerable.Range(0, writes).Select(i =>
                new TransactionWrite("blobs", new(WriteKind.Put, [Datum.FromInt64(i)], [new("v", text)], Precondition.None)))],
        };
        Assert.Null(TransactionMapper.TryMap(Of(16), tables, s_request, out _));
        var error = TransactionMapper.TryMap(Of(17), tables, s_request, out _);
        Assert.Equal((GeoErrorKind.TooLarge, "transaction-too-large", "writes"), (error!.Kind, error.Code, error.Field));
    }

    [Fact]
    public void A_condition_on_a_column_is_judged_on_the_stored_row_alone()
    {
        byte[] Row(params ColumnValue[] columns) => RowCodec.Encode(columns);
        bool Holds(TransactionCondition condition, byte[]? row) =>
            WriteRules.Holds(Good(s_empty with { Conditions = [condition] }).Conditions[0].Check, new(5), row);

        Assert.True(Holds(Field("n", ScanOperator.GreaterOrEqual, Datum.FromInt64(5)), Row(new ColumnValue(2, Datum.FromInt64(5)))));
        Assert.False(Holds(Field("n", ScanOperator.Greater, Datum.FromInt64(5)), Row(new ColumnValue(2, Datum.FromInt64(5)))));

        // Null satisfies nothing, not even "not equal"; no row satisfies nothing either.
        Assert.False(Holds(Field("n", ScanOperator.NotEqual, Datum.FromInt64(5)), Row()));
        Assert.False(Holds(Field("n", ScanOperator.NotEqual, Datum.FromInt64(5)), null));

        // A column that was added later has its default; a key column what the key says.
        Assert.True(Holds(Field("level", ScanOperator.Equal, Datum.FromInt64(4)), Row()));
        Assert.False(Holds(Field("level", ScanOperator.Equal, Datum.FromInt64(4)), Row(new ColumnValue(3, Datum.FromInt64(6)))));
        Assert.True(Holds(Field("id", ScanOperator.Less, Datum.FromString("b")), Row()));
        Assert.False(Holds(Field("id", ScanOperator.Less, Datum.FromString("a")), Row()));
        Assert.False(Holds(Field("id", ScanOperator.Less, Datum.FromString("b")), null));

        foreach (var exists in new[] { true, false })
        {
            Assert.Equal(exists, Holds(new TransactionCondition.Existence("acct", Id("a"), exists), Row()));
            Assert.Equal(!exists, Holds(new TransactionCondition.Existence("acct", Id("a"), exists), null));
        }

        Assert.True(Holds(new TransactionCondition.VersionIs("acct", Id("a"), new(5)), Row()));
        Assert.False(Holds(new TransactionCondition.VersionIs("acct", Id("a"), new(6)), Row()));
        Assert.False(Holds(new TransactionCondition.VersionIs("acct", Id("a"), new(5)), null));
    }

    [Theory]
    [InlineData(ScanOperator.Equal, "5")]
    [InlineData(ScanOperator.NotEqual, "4 6")]
    [InlineData(ScanOperator.Less, "4")]
    [InlineData(ScanOperator.LessOrEqual, "4 5")]
    [InlineData(ScanOperator.Greater, "6")]
    [InlineData(ScanOperator.GreaterOrEqual, "5 6")]
    public void Operators_compare_the_column_with_the_literal(ScanOperator comparison, string holdsFor)
    {
        var check = new RowCheck(2, comparison, Datum.FromInt64(5), Datum.Null);
        var holds = Enumerable.Range(4, 3).Where(n => check.Holds(RowCodec.Encode([new(2, Datum.FromInt64(n))])));
        Assert.Equal(holdsFor, string.Join(' ', holds));
    }

    [Fact]
    public void A_check_comes_back_as_it_was_written_and_nonsense_is_refused()
    {
        foreach (var missing in new[] { Datum.Null, Datum.FromString("x") })
        {
            var check = new RowCheck(70_000, ScanOperator.Less, Datum.FromString("literal"), missing);
            var writer = new CodecWriter();
            check.Write(writer);
            Assert.Equal(check, Read(writer.ToArray()));
            Fuzz.Bytes(writer.ToArray(), bytes => Read(bytes));
        }
    }

    [Fact]
    public void The_tables_of_a_transaction_are_named_once()
    {
        var transaction = s_empty with
        {
            Reads = [new("b", []), new("a", [])],
            Conditions = [new TransactionCondition.Existence("c", [], true), new TransactionCondition.Existence("b", [], true)],
            Writes = [Write(WriteKind.Put, "x"), Log(Datum.Null), Write(WriteKind.Put, "y")],
        };
        Assert.Equal(["b", "a", "c", "acct", "log"], TransactionMapper.TableNames(transaction));
    }

    private static RowCheck Read(byte[] bytes)
    {
        var reader = new CodecReader(bytes);
        var check = RowCheck.Read(ref reader);
        reader.ExpectEnd("a row check");
        return check;
    }
}
