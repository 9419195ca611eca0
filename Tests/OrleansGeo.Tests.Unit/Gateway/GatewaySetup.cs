using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Gateway;

/// <summary>The database, the table and the short words that the gateway's tests share.</summary>
internal static class GatewaySetup
{
    public static readonly TableRef Table = new("app", "items");

    public static readonly TableSpec Spec = new(
        "items",
        [new("id", DatumType.String), new("n", DatumType.Int64), new("doc", DatumType.Json)],
        ["id"],
        new TableLocality.Regional());

    public static FakeCluster WithTable(int self = 1, SurvivalGoal goal = SurvivalGoal.Zone, string primary = "east")
    {
        var cluster = new FakeCluster(self);
        var database = cluster.Run(store => store.CreateDatabaseAsync(
            new("app", primary, ["east", "west", "europe"], goal), RequestOptions.Default, default));
        Assert.True(database.IsOk, database.Error?.Detail);
        var table = cluster.Run(store => store.CreateTableAsync("app", Spec, RequestOptions.Default, default));
        Assert.True(table.IsOk, table.Error?.Detail);
        cluster.Calls.Clear();
        return cluster;
    }

    public static RangeDescriptor TableRange(this FakeCluster cluster) => cluster.Ranges.First(range => range.TableId != 0);

    public static ImmutableArray<Datum> Key(string id) => [Datum.FromString(id)];

    public static Key RowKey(this FakeCluster cluster, string id) =>
        TableKeys.Row(cluster.TableRange().TableId, TableKeys.PrimaryIndex, Datum.FromString(id));

    public static RowWrite Put(string id, long n) => new(WriteKind.Put, Key(id), [new("n", Datum.FromInt64(n))], Precondition.None);

    public static RowWrite Insert(string id, long n) => Put(id, n) with { Kind = WriteKind.Insert };

    public static GeoResult<WriteResult> Write(this FakeCluster cluster, RowWrite write, RequestOptions? options = null) =>
        cluster.Run(store => store.WriteRowAsync(Table, write, options ?? RequestOptions.Default, default));

    public static GeoResult<VersionedRow> Read(
        this FakeCluster cluster, string id, ReadBound? bound = null, RequestOptions? options = null) =>
        cluster.Run(store => store.ReadRowAsync(Table, Key(id), bound ?? ReadBound.Strong, options ?? RequestOptions.Default, default));

    public static GeoResult<ScanPage> Scan(
        this FakeCluster cluster, int limit, string? page = null, ReadBound? bound = null, bool descending = false) =>
        cluster.Run(store => store.ScanAsync(
            Table, new([], null, null, [], descending, limit, page), bound ?? ReadBound.Strong, RequestOptions.Default, default));

    /// <summary>Splits the table at a row; the new range is 900 and is led by a node.</summary>
    public static RangeDescriptor SplitAt(this FakeCluster cluster, string id, int leader = 2, bool publish = true, long newRange = 900) =>
        cluster.Split(
            cluster.TableRange().Id, TableKeys.Row(cluster.TableRange().TableId, TableKeys.PrimaryIndex, Datum.FromString(id)),
                new(newRange),
            new(leader), publish);

    public static GeoResult<RangeInfo> Split(this FakeCluster cluster, long range, string at) =>
        cluster.Run(store => store.SplitRangeAsync(range, Key(at), RequestOptions.Default, default));

    /// <summary>The table's ranges as the node lists them.</summary>
    public static ImmutableArray<RangeInfo> Listed(this FakeCluster cluster) =>
        cluster.Run(store => store.ListRangesAsync(Table, RequestOptions.Default, default)).Value!.Items;

    /// <summary>The table's ranges follow each other, from its first key to its last, and are so many.</summary>
    public static void AssertListed(this FakeCluster cluster, int ranges)
    {
        var listed = cluster.Listed();
        Assert.Equal(ranges, listed.Length);
        Assert.Equal(listed.Skip(1).Select(range => range.Start), listed.SkipLast(1).Select(range => range.End));
        var living = cluster.Truth.Values.Select(range => range.Id.Value).Where(id => id != SystemKeys.RangeId.Value);
        Assert.Equal(living.Order(), listed.Select(range => range.Id).Order());
    }

    public static RequestOptions WithKey(string key) => RequestOptions.Default with { IdempotencyKey = key };

    public static string[] Ids(this GeoResult<ScanPage> page) => [.. page.Value!.Rows.Select(row => row.Key[0].AsString())];
}
