using System.Collections.Immutable;
using System.Text;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Gateway;

public sealed class RowTests
{
    private static readonly byte[] s_request = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];

    private static readonly TableInfo s_table = new(
        9,
        "app",
        new(
            "t",
            [
                new("v", DatumType.Int64), new("k", DatumType.Uuid, false, null, "gen_random_uuid()"), new("doc", DatumType.Json),
                new("must", DatumType.String, false), new("level", DatumType.Int64, false, Datum.FromInt64(4)),
                new("token", DatumType.Uuid, true, null, "gen_random_uuid()"),
            ],
            ["k"],
            new TableLocality.Regional()),
        [1, 2, 5, 6, 8, 9],
        1,
        "east",
        SurvivalGoal.Zone);

    private static readonly Datum s_key = Datum.FromUuid(new("11111111-2222-4333-8444-555555555555"));

    private static RowWrite Write(WriteKind kind, params (string Name, Datum Value)[] values) =>
        new(kind, [s_key], [.. values.Select(value => KeyValuePair.Create(value.Name, value.Value))], Precondition.None);

    private static GeoError? Map(RowWrite write, out KeyWrite mapped) => RowMapper.TryMap(s_table, write, s_request, out _, out mapped);

    private static Row RowOf(KeyWrite write) => RowMapper.ToRow(s_table, RowMapper.KeyOf(write.Key), default, write.Value.Span).Row;

    [Fact]
    public void A_row_comes_back_as_it_was_written_with_its_defaults()
    {
        Assert.Null(Map(Write(WriteKind.Put, ("v", Datum.FromInt64(1)), ("must", Datum.FromString("x"))), out var mapped));
        var row = RowOf(mapped);
        Assert.Equal(["v", "k", "must", "level", "token"], row.Values.Select(value => value.Key));
        Assert.Equal((Datum.FromInt64(1), s_key, Datum.FromInt64(4)), (row["v"], row["k"], row["level"]));
    }

    [Fact]
    public void Generated_uuids_follow_from_the_request_and_the_column_alone()
    {
        var insert = Write(WriteKind.Insert, ("must", Datum.FromString("x"))) with { Key = [Datum.Null] };
        Assert.Null(RowMapper.TryMap(s_table, insert, s_request, out var key, out var first));
        Assert.Null(RowMapper.TryMap(s_table, insert, s_request, out _, out var again));
        byte[] other = [.. s_request.Reverse()];
        Assert.Null(RowMapper.TryMap(s_table, insert, other, out var otherKey, out _));
        Assert.Equal(first.Key, again.Key);
        Assert.True(first.Value.Span.SequenceEqual(again.Value.Span));
        Assert.NotEqual(key[0], otherKey[0]);
        Assert.NotEqual(key[0], RowOf(first)["token"]);
        Assert.Equal((4, 8), (key[0].AsUuid().Version, key[0].AsUuid().Variant & 0xC));
    }

    public static TheoryData<string, string, RowWrite> Refused => new()
    {
        { "unknown-column", "zzz", Write(WriteKind.Put, ("zzz", Datum.FromInt64(1))) },
        { "wrong-type", "v", Write(WriteKind.Put, ("v", Datum.FromString("1"))) },
        { "null-not-allowed", "must", Write(WriteKind.Put, ("must", Datum.Null)) },
        { "null-not-allowed", "must", Write(WriteKind.Merge, ("must", Datum.Null)) },
        { "missing-column", "must", Write(WriteKind.Put, ("v", Datum.FromInt64(1))) },
        { "duplicate-column", "v", Write(WriteKind.Merge, ("v", Datum.FromInt64(1)), ("v", Datum.FromInt64(1))) },
        { "key-mismatch", "k", Write(WriteKind.Put, ("k", Datum.FromUuid(default)), ("must", Datum.FromString("x"))) },
        { "delete-with-values", "v", Write(WriteKind.Delete, ("v", Datum.FromInt64(1))) },
        { "wrong-key-length", "key", Write(WriteKind.Delete) with { Key = [] } },
        { "wrong-type", "k", Write(WriteKind.Delete) with { Key = [Datum.FromInt64(1)] } },
        { "null-in-key", "k", Write(WriteKind.Put, ("must", Datum.FromString("x"))) with { Key = [Datum.Null] } },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void A_row_that_does_not_fit_names_the_column(string code, string field, RowWrite write)
    {
        var error = Map(write, out _);
        Assert.Equal((code, field), (error!.Code, error.Field));
    }

    [Fact]
    public void Keys_and_rows_over_their_limits_are_too_large()
    {
        var big = Map(Write(WriteKind.Put, ("must", Datum.FromString(new('x', GeoLimits.RowBytesMax)))), out _);
        Assert.Equal((GeoErrorKind.TooLarge, "row-too-large"), (big!.Kind, big.Code));
        var table = GatewaySetup.Spec;
        var info = new TableInfo(3, "app", table, [1, 2, 3], 1, "east", SurvivalGoal.Zone);
        Assert.Equal("key-too-large", RowMapper.TryKey(info, GatewaySetup.Key(new('k', 5_000)), out _)!.Code);
        Assert.Null(RowMapper.TryKey(info, GatewaySetup.Key(new('k', 4_000)), out _));
    }

    [Fact]
    public void A_patch_changes_what_it_names_and_keeps_columns_it_does_not_know()
    {
        ColumnValue[] before =
            [new(1, Datum.FromInt64(1)), new(3, Datum.FromString("dropped")), new(5, Datum.FromJson("{\"a\":1,\"b\":{\"c\":2}}"))];
        Assert.Null(Map(
            Write(WriteKind.Merge, ("v", Datum.Null), ("doc", Datum.FromJson("{\"a\":null,\"b\":{\"d\":3}}")),
                ("must", Datum.FromString("new"))),
            out var mapped));
        var after = RowCodec.Decode(RowPatch.Apply(RowCodec.Encode(before), mapped.Value.Span));
        Assert.Equal(
            [new(3, Datum.FromString("dropped")), new(5, Datum.FromJson("{\"b\":{\"c\":2,\"d\":3}}")), new(6, Datum.FromString("new"))],
                after);
    }

    // The examples of RFC 7396, appendix A.
    [Theory]
    [InlineData("""{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"a":null}""", """{}""")]
    [InlineData("""{"a":"b","b":"c"}""", """{"a":null}""", """{"b":"c"}""")]
    [InlineData("""{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"c"}""", """{"a":["b"]}""", """{"a":["b"]}""")]
    [InlineData("""{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}""")]
    [InlineData("""["a","b"]""", """["c","d"]""", """["c","d"]""")]
    [InlineData("""{"e":null}""", """{"a":1}""", """{"a":1,"e":null}""")]
    [InlineData("""[1,2]""", """{"a":"b","c":null}""", """{"a":"b"}""")]
    [InlineData("""{}""", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}""")]
    [InlineData("null", """{"x":1.50}""", """{"x":1.5}""")]
    public void Json_merges_as_the_standard_says(string target, string patch, string expected) =>
        Assert.Equal(expected, RowPatch.MergeJson(target, patch));

    [Fact]
    public void Bytes_that_are_no_patch_are_refused_and_never_crash()
    {
        var good = RowPatch.Encode(
            [new(1, PatchAction.Set, Datum.FromInt64(5)), new(4, PatchAction.Clear, default),
                new(6, PatchAction.MergeJson, Datum.FromJson("{}"))]);
        Assert.Equal(good, RowPatch.Encode(RowPatch.Decode(good)));
        Fuzz.Bytes(good, bytes => RowPatch.Decode(bytes));
    }

    [Fact]
    public void System_records_come_back_as_they_were_written_and_nonsense_is_refused()
    {
        var node = new NodeRecord(new(7), "n7", "europe", "europe-a", "http://x:1");
        Assert.Equal(node, SystemRecords.DecodeNode(SystemRecords.Encode(node)));
        var table = SystemRecords.DecodeTable(SystemRecords.Encode(s_table), new(5));
        Assert.Equal(SystemRecords.Encode(s_table), SystemRecords.Encode(table.Info));
        Assert.Equal(s_table.Spec.Columns, table.Info.Spec.Columns);
        Assert.Equal(new HlcTimestamp(5), table.Version);
        var spec = new DatabaseSpec("d", "a", ["a", "b", "c"], SurvivalGoal.Region, PlacementPolicy.Default, "b");
        var database = SystemRecords.DecodeDatabase(SystemRecords.Encode(4, spec), new(6));
        Assert.Equal((4L, "b", SurvivalGoal.Region), (database.Id, database.Spec.SecondaryRegion, database.Spec.Survive));
        Assert.Equal(77, SystemRecords.DecodeNextId(SystemRecords.EncodeNextId(77)));
        var cluster = SystemRecords.DecodeCluster(SystemRecords.Encode(new ClusterRecord("c", [1, 2])));
        Assert.Equal(("c", 2), (cluster.ClusterId, cluster.TokenSecret.Length));
        Fuzz.Bytes(SystemRecords.Encode(s_table), bytes => SystemRecords.DecodeTable(bytes, default));
        Fuzz.Bytes(SystemRecords.Encode(4, spec), bytes => SystemRecords.DecodeDatabase(bytes, default));
        Fuzz.Bytes(SystemRecords.Encode(node), bytes => SystemRecords.DecodeNode(bytes));
    }

    [Fact]
    public void A_view_follows_changes_and_an_older_directory_entry_never_replaces_a_newer_one()
    {
        var builder = new SystemViewBuilder();
        var node = new NodeRecord(new(1), "n1", "east", "a", null);
        var range = SystemBootstrap.SystemRange([node]);
        var records = SystemBootstrap.InitialRecords("c", [1], [node], range);
        var view = builder.Apply(records.Select(record => new SystemChange(record.Key, record.Value, new(1))), new(1));
        Assert.Equal(("c", 1, 1), (view.ClusterId, view.Nodes.Count, view.RangesByStart.Count));
        var items = range with { Id = new(5), TableId = 9, Span = TableKeys.Span(9), Generation = 4 };
        SystemChange Entry(RangeDescriptor? descriptor) => new(SystemKeys.Range(new(5)), descriptor?.Encode(), new(2));
        var newer = builder.Apply([Entry(items)], new(2));
        Assert.Same(view.Nodes, newer.Nodes);
        Assert.Equal(4, builder.Apply([Entry(items with { Generation = 3 })], new(3)).RangesByStart[items.Span.Start].Generation);
        Assert.Single(builder.Apply([Entry(null)], new(4)).RangesByStart);
        var table = SystemRecords.Encode(s_table);
        Assert.Equal(9, builder.Apply([new(SystemKeys.Table("app", "t"), table, new(3))], new(5)).Tables[("app", "t")].Info.Id);
        Assert.Empty(builder.Apply(
            [new(SystemKeys.Table("app", "t"), null, new(4)), new(new([0x10, (byte)'z', 1]), [1], new(4))], new(6)).Tables);
    }

    [Fact]
    public void A_body_hash_tells_bodies_apart_and_takes_columns_in_any_order()
    {
        var write = Write(WriteKind.Put, ("v", Datum.FromInt64(1)), ("must", Datum.FromString("x")));
        var hash = RequestIds.BodyHash(1, write);
        Assert.Equal(hash, RequestIds.BodyHash(1, write with { Values = [.. write.Values.Reverse()] }));
        RowWrite[] others =
        [
            write with { Kind = WriteKind.Insert }, write with { Key = [Datum.FromInt64(1)] },
                write with { Values = write.Values.RemoveAt(0) },
            write with { Precondition = Precondition.None with { IfAbsent = true } },
            write with { Precondition = Precondition.None with { IfMatch = [new(1)] } },
            write with { Precondition = Precondition.None with { IfNoneMatch = [new(1)] } },
        ];
        Assert.Equal(others.Length + 1,
            others.Append(write).Select(one => Convert.ToHexString(RequestIds.BodyHash(1, one).AsSpan())).Distinct().Count());
        Assert.NotEqual(RequestIds.FromKey("a", "bc", 0), RequestIds.FromKey("ab", "c", 0));
    }

    [Fact]
    public void Page_tokens_come_back_and_changed_ones_do_not()
    {
        var token = new PageToken(3, 2, [.. Encoding.ASCII.GetBytes("0123456789abcdef")], new(99), new(new([1]), new([2])));
        var text = token.Seal([5]);
        var back = PageToken.TryOpen([5], text)!;
        Assert.Equal((token.TableId, token.At, token.Rest), (back.TableId, back.At, back.Rest));
        Assert.Null(PageToken.TryOpen([6], text));
        Assert.Null(PageToken.TryOpen([5], text[..^1]));
    }

    [Fact]
    public void The_last_key_before_an_end_lies_behind_every_row_before_it()
    {
        foreach (var end in new[] { TableKeys.Span(9).End, new Key([0x20, 5, 0]), TableKeys.Row(9, 1, Datum.FromString("m")) })
        {
            var last = RowMapper.LastBefore(end);
            Assert.True(last < end);
            Assert.True(end.Span[^1] == 0 || TableKeys.Row(9, 1, Datum.FromString("lzzzz")) < last);
        }
    }
}

/// <summary>Broken bytes: a decoder may refuse them or read something, and nothing else.</summary>
internal static class Fuzz
{
    public static void Bytes(byte[] good, Action<byte[]> decode)
    {
        var prng = new Prng(11);
        for (var i = 0; i < 5_000; i++)
        {
            var bytes = good[..prng.Below(good.Length + 1)];
            for (var j = prng.Below(4); j > 0 && bytes.Length > 0; j--)
            {
                bytes[prng.Below(bytes.Length)] = (byte)prng.Below(256);
            }

            try
            {
                decode(bytes);
            }
            catch (CodecException)
            {
            }
        }
    }
}
