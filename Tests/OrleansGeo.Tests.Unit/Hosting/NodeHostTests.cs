using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Hosting;

public sealed class NodeHostTests
{
    private static readonly TableRef s_table = new("geo", "city");
    private static readonly RequestOptions s_options = new(TimeSpan.FromSeconds(30));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rows_are_written_and_read_through_every_node_and_the_way_between_regions_is_told()
    {
        await using var cluster = await ReadyAsync();
        foreach (var host in cluster.Hosts)
        {
            var written = await PutAsync(host, host.Node.Identity.Name);
            Assert.Null(written.Error);
        }

        foreach (var host in cluster.Hosts)
        {
            var page = await host.Front.ScanAsync(
                s_table, new([], null, null, [], false, 10, null), ReadBound.Strong, s_options, Cancellation);
            Assert.Equal(["n1", "n2", "n3", "n4", "n5"], page.Value!.Rows.Select(row => row.Key[0].AsString()));

            // The home is r1: who is elsewhere goes there and back.
            var region = host.Node.Options.Region;
            Assert.Equal(region == "r1" ? 0 : 1, page.Meta.RoundTrips);
            Assert.Equal(region == "r1" ? [] : [$"{region}>r1"], page.Meta.WanPath);
        }
    }

    [Fact]
    public async Task Writes_go_on_when_the_leader_is_gone()
    {
        await using var cluster = await ReadyAsync();
        Assert.Null((await PutAsync(cluster["n4"], "before")).Error);
        cluster.Kill((await LeaderAsync(cluster))!);
        var written = await PutAsync(cluster["n4"], "after");
        Assert.Null(written.Error);
        var read = await cluster["n3"].Front.ReadRowAsync(
            s_table, [Datum.FromString("before")], ReadBound.Strong, s_options, Cancellation);
        Assert.True(read.IsOk);
    }

    [Fact]
    public async Task A_node_that_hands_over_leads_nothing_afterwards()
    {
        await using var cluster = await ReadyAsync();
        var leader = (await LeaderAsync(cluster))!;
        Assert.NotEmpty(Led(cluster[leader]));
        await cluster[leader].DrainAsync(Cancellation);
        Assert.Empty(Led(cluster[leader]));
        cluster.Kill(leader);
        Assert.Null((await PutAsync(cluster["n3"], "after")).Error);
    }

    [Fact]
    public async Task A_write_whose_answer_is_lost_is_made_once()
    {
        await using var cluster = await ReadyAsync();
        Assert.Null((await PutAsync(cluster["n3"], "a")).Error);
        cluster.LoseAnswers = true;
        var insert = cluster["n3"].Front.WriteRowAsync(
            s_table, new(WriteKind.Insert, [Datum.FromString("b")], [], Precondition.None), s_options, Cancellation);
        var before = cluster.Asked;
        while (cluster.Asked < before + 3 && !insert.IsCompleted)
        {
            Cancellation.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        // The insert met its own row at every attempt but the first, and knows it for its own.
        cluster.LoseAnswers = false;
        var result = await insert;
        Assert.True(result.IsOk, $"{result.Error}");
        Assert.True(result.Value.Created);
    }

    [Fact]
    public async Task Bytes_for_another_node_or_of_another_format_do_nothing()
    {
        await using var cluster = await ReadyAsync();
        var envelope = new Envelope { From = new(1), To = new(3), Lane = Lane.Normal };
        var bytes = EnvelopeCodec.Standard.Encode(envelope);
        await cluster["n2"].TakeAsync(Lane.Normal, bytes);
        bytes[0] = 99;
        await cluster["n3"].TakeAsync(Lane.Normal, bytes);
        var answer = EnvelopeCodec.Standard.Read(await cluster["n2"].AnswerAsync(EnvelopeCodec.Standard.Encode(envelope), Cancellation));
        Assert.Empty(answer.Messages);
        Assert.Null((await PutAsync(cluster["n2"], "a")).Error);
    }

    private static RangeId[] Led(NodeHost host) =>
        [.. host.Node.ReplicasHere().Where(range => host.Node.LocalReplica(range) is { HasLease: true })];

    internal static Task<GeoResult<WriteResult>> PutAsync(NodeHost host, string name) => host.Front.WriteRowAsync(
        s_table, new(WriteKind.Put, [Datum.FromString(name)], [], Precondition.None), s_options, Cancellation);

    internal static async Task<HostedCluster> ReadyAsync()
    {
        var cluster = await HostedCluster.StartAsync();
        var front = cluster["n2"].Front;
        foreach (var host in cluster.Hosts)
        {
            await UntilAsync(async () =>
                (await host.Front.ListNodesAsync(s_options, Cancellation)).Value?.Items.All(node => node.Live) == true);
        }

        var database = await front.CreateDatabaseAsync(new("geo", "r1", ["r1", "r2", "r3"], SurvivalGoal.Region), s_options, Cancellation);
        Assert.Null(database.Error);
        var table = await front.CreateTableAsync(
            "geo",
            new("city", [new("name", DatumType.String, Nullable: false)], ["name"], new TableLocality.Regional()),
            s_options,
            Cancellation);
        Assert.Null(table.Error);
        await UntilAsync(async () => await LeaderAsync(cluster) is "n1" or "n2");
        return cluster;
    }

    internal static async Task<string?> LeaderAsync(HostedCluster cluster) =>
        (await cluster["n3"].Front.ListRangesAsync(s_table, s_options, Cancellation)).Value?.Items.Single().Leaseholder;

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        while (!await holds())
        {
            Cancellation.ThrowIfCancellationRequested();
        }
    }
}
