using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Conformance;

public abstract partial class GeoStoreConformance
{
    private static readonly TableSpec s_plain = new(
        "plain", [new("k", DatumType.String, Nullable: false), new("v", DatumType.Int64)], ["k"], new TableLocality.Regional());

    [Fact]
    public async Task Databases_are_made_once_listed_by_name_and_dropped_empty()
    {
        var region = Ok(await Store.GetClusterAsync(Options, Cancellation)).Regions[0];
        Ok(await Store.CreateDatabaseAsync(new("abc", region, [region]), Options, Cancellation));
        Refused(GeoErrorKind.AlreadyExists, await Store.CreateDatabaseAsync(new("abc", region, [region]), Options, Cancellation));
        Assert.Equal(["abc", "geo"], Ok(await Store.ListDatabasesAsync(Options, Cancellation)).Items.Select(item => item.Spec.Name));
        Assert.Equal(["city", "pair"], Ok(await Store.GetDatabaseAsync("geo", Options, Cancellation)).Tables.Order(StringComparer.Ordinal));
        Refused(GeoErrorKind.Unprocessable, await Store.DropDatabaseAsync("geo", Options, Cancellation));
        Ok(await Store.DropDatabaseAsync("abc", Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await Store.GetDatabaseAsync("abc", Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await Store.DropDatabaseAsync("abc", Options, Cancellation));
    }

    [Fact]
    public async Task A_database_that_cannot_be_is_refused()
    {
        var region = Ok(await Store.GetClusterAsync(Options, Cancellation)).Regions[0];
        foreach (var spec in new DatabaseSpec[]
        {
            new("Bad Name", region, [region]), new("", region, [region]), new(new string('a', 64), region, [region]),
            new("d", "mars", ["mars"]), new("d", region, [region, "mars"]), new("d", region, []), new("d", region, [region, region]),
            new("d", region, [region], SurvivalGoal.Region), new("d", region, [region], SurvivalGoal.Region, PlacementPolicy.Restricted),
        })
        {
            Assert.NotNull(Refused(GeoErrorKind.Unprocessable, await Store.CreateDatabaseAsync(spec, Options, Cancellation)).Field);
        }
    }

    [Fact]
    public async Task Tables_are_made_once_shown_and_dropped()
    {
        var table = Ok(await Store.CreateTableAsync("geo", s_plain, Options, Cancellation));
        Refused(GeoErrorKind.AlreadyExists, await Store.CreateTableAsync("geo", s_plain, Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await Store.CreateTableAsync("nope", s_plain, Options, Cancellation));
        Assert.Equal(table.Id, Ok(await Store.GetTableAsync(new("geo", "plain"), ReadBound.Strong, Options, Cancellation)).Id);
        Assert.Equal(
            ["city", "pair", "plain"], Ok(await Store.ListTablesAsync("geo", Options, Cancellation)).Items.Select(item => item.Spec.Name));
        Assert.NotEmpty(Ok(await Store.ListRangesAsync(new("geo", "plain"), Options, Cancellation)).Items);
        Ok(await Store.DropTableAsync(new("geo", "plain"), Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await Store.GetTableAsync(new("geo", "plain"), ReadBound.Strong, Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await Store.DropTableAsync(new("geo", "plain"), Options, Cancellation));
        Assert.NotEqual(table.Id, Ok(await Store.CreateTableAsync("geo", s_plain, Options, Cancellation)).Id);
    }

    [Fact]
    public async Task A_dropped_table_leaves_no_rows_to_one_of_its_name()
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo"));
        var spec = Ok(await Store.GetTableAsync(City, ReadBound.Strong, Options, Cancellation)).Spec;
        Ok(await Store.DropTableAsync(City, Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await ReadAsync("Oslo"));
        Ok(await Store.CreateTableAsync("geo", spec, Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await ReadAsync("Oslo"));
    }

    [Fact]
    public async Task A_table_that_cannot_be_is_refused()
    {
        var many = Enumerable.Range(0, GeoLimits.ColumnsMax).Select(i => new ColumnSpec($"c{i}", DatumType.Bool));
        foreach (var spec in new[]
        {
            s_plain with { Name = "Bad" }, s_plain with { PrimaryKey = [] }, s_plain with { PrimaryKey = ["nope"] },
            s_plain with { PrimaryKey = ["k", "k"] },
            s_plain with { Columns = s_plain.Columns.Add(s_plain.Columns[1]) },
            s_plain with { Locality = new TableLocality.Regional("mars") },
            s_plain with { Columns = s_plain.Columns.AddRange(many) },
        })
        {
            Assert.NotNull(Refused(GeoErrorKind.Unprocessable, await Store.CreateTableAsync("geo", spec, Options, Cancellation)).Field);
        }
    }

    [Fact]
    public async Task A_column_that_is_added_is_null_or_default_in_old_rows()
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo"));
        var changed = Ok(await Store.ChangeTableAsync(City, new([new("extra", DatumType.Int64)]), Options, Cancellation));
        Assert.Equal(2, changed.SchemaVersion);
        Assert.Equal(changed.Spec.Columns.Length, changed.ColumnIds.Distinct().Count());
        Assert.True(Ok(await ReadAsync("Oslo")).Row["extra"].IsNull);
        Assert.Equal(Number(5), Ok(await WriteAsync(WriteKind.Merge, "Oslo", values: ("extra", Number(5)))).Row!["extra"]);
        Assert.False((await Store.ChangeTableAsync(City, new([new("extra", DatumType.Int64)]), Options, Cancellation)).IsOk);
        Refused(
            GeoErrorKind.Unprocessable,
            await Store.ChangeTableAsync(City, new([new("must", DatumType.Int64, Nullable: false)]), Options, Cancellation));
    }

    [Fact]
    public async Task A_key_with_a_default_is_made_by_the_store_and_a_retry_makes_the_same()
    {
        var spec = new TableSpec(
            "made", [new("id", DatumType.Uuid, Nullable: false, DefaultFunction: "gen_random_uuid()"), new("v", DatumType.Int64)], ["id"],
            new TableLocality.Regional());
        Ok(await Store.CreateTableAsync("geo", spec, Options, Cancellation));
        var insert = Write(WriteKind.Insert, [Datum.Null], null, ("v", Number(1)));
        var keyed = Options with { IdempotencyKey = "make-1" };
        var first = Ok(await Store.WriteRowAsync(new("geo", "made"), insert, keyed, Cancellation));
        var again = Ok(await Store.WriteRowAsync(new("geo", "made"), insert, keyed, Cancellation));
        var other = Ok(await Store.WriteRowAsync(new("geo", "made"), insert, Options, Cancellation));
        Assert.Equal(DatumType.Uuid, first.Key[0].Type);
        Assert.Equal(first.Key, again.Key);
        Assert.NotEqual(first.Key[0], other.Key[0]);
        Assert.Equal(first.Key[0], first.Row!["id"]);
    }

    [Fact]
    public async Task Ranges_split_where_they_are_told_and_lose_no_row()
    {
        for (var i = 0; i < 6; i++)
        {
            await PutPairAsync("k", i, i);
        }

        var range = Assert.Single(Ok(await Store.ListRangesAsync(Pair, Options, Cancellation)).Items);
        var left = Ok(await Store.SplitRangeAsync(range.Id, [Text("k"), Number(3)], Options, Cancellation));
        Assert.Equal(range.Id, left.Id);
        Assert.True(left.Generation > range.Generation);
        Assert.Equal(2, Ok(await Store.ListRangesAsync(Pair, Options, Cancellation)).Items.Length);
        Assert.Equal("k/0 k/1 k/2 k/3 k/4 k/5", Keys(await ScanPairsAsync(All())));
        await PutPairAsync("k", 3, 33);
        Refused(GeoErrorKind.NotFound, await Store.SplitRangeAsync(987_654_321, null, Options, Cancellation));
    }

    [Fact]
    public async Task The_cluster_names_its_nodes_and_is_ready()
    {
        var cluster = Ok(await Store.GetClusterAsync(Options, Cancellation));
        var nodes = Ok(await Store.ListNodesAsync(Options, Cancellation)).Items;
        Assert.Equal(cluster.Nodes, nodes.Length);
        Assert.Contains(nodes, node => node.Name == cluster.Node && node.Live && node.Region == cluster.Region);
        Assert.True(Ok(await Store.GetReadinessAsync(Options, Cancellation)).Ready);
        var range = Ok(await Store.ListRangesAsync(null, Options, Cancellation)).Items[0];
        Refused(GeoErrorKind.NotFound, await Store.TransferLeaderAsync(range.Id, "nobody", Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await Store.TransferLeaderAsync(987_654_321, cluster.Node, Options, Cancellation));
    }
}
