using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation;
using OrleansGeo.Simulation.Scenarios;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>Old versions and request records go by themselves, on every replica, and reads of what may be gone are refused.</summary>
public sealed class GarbageTests
{
    private const long RetentionMs = 2_000;

    // A range at rest is passed by every 20 s: once to find garbage, perhaps twice.
    private const long CollectedWithinMs = 60_000;

    private readonly ScenarioHost _host = new(71, Short, syncMicros: 200);

    [Fact]
    public void A_row_that_is_written_thousands_of_times_leaves_one_version_on_every_replica()
    {
        Write("k", 3_000);
        Assert.InRange(Versions().Max(), 300, 3_000);
        AwaitCollected(1);
        Assert.All(_host.Nodes, node => Assert.Equal("v2999", _host.Read(node.Value, ScenarioHost.Zonal, "k").Value!.Row["v"].AsString()));
    }

    [Fact]
    public void Of_a_deleted_row_nothing_is_left()
    {
        Write("k", 20);
        var delete = new RowWrite(WriteKind.Delete, ScenarioHost.Key("k"), [], Precondition.None);
        Assert.True(_host.Ask(
            1, store => store.WriteRowAsync(ScenarioHost.Zonal, delete, RequestOptions.Default, CancellationToken.None)).IsOk);
        AwaitCollected(0);
        Assert.Equal("row-not-found", _host.Read(5, ScenarioHost.Zonal, "k").Error?.Code);
    }

    [Fact]
    public void What_is_written_all_the_time_does_not_grow()
    {
        var most = 0;
        for (var second = 0; second < 30; second++)
        {
            for (var i = 0; i < 40; i++)
            {
                Assert.True(_host.Write(1, ScenarioHost.Zonal, $"k{i % 5}", $"{second}").IsOk);
            }

            _host.RunFor(600);
            most = second < 10 ? 0 : Math.Max(most, Versions().Max());
        }

        // 1,200 were written. What is kept for two seconds, and what was written until the next round found it.
        Assert.InRange(most, 5, 600);
    }

    [Fact]
    public void A_read_below_the_threshold_is_refused_by_every_node_and_told_how_far_back_it_may_go()
    {
        Write("k", 10);
        var then = _host.Read(1, ScenarioHost.Zonal, "k").Value!.Version;
        Write("k", 10);
        AwaitCollected(1);
        ReadBound[] bounds = [new ReadBound.At(then), new ReadBound.Exact(19_000), new ReadBound.Exact(19_000, true)];
        foreach (var node in _host.Nodes)
        {
            foreach (var bound in bounds)
            {
                var error = _host.Read(node.Value, ScenarioHost.Zonal, "k", bound).Error;
                Assert.Equal((GeoErrorKind.TooOld, "timestamp-too-old"), (error?.Kind, error?.Code));
                Assert.True(HlcTimestamp.TryParse(error!.Facts!["oldest"], out var oldest));
                Assert.True(_host.Read(node.Value, ScenarioHost.Zonal, "k", new ReadBound.At(oldest)).IsOk);
                Assert.False(_host.Read(node.Value, ScenarioHost.Zonal, "k", new ReadBound.At(oldest.Previous)).IsOk);
            }
        }
    }

    [Fact]
    public void The_pages_of_a_scan_whose_moment_has_passed_end_with_a_refusal()
    {
        Write("a", 3);
        Write("b", 3);
        var first = Scan(null);
        Assert.True(first.IsOk, first.Error?.ToString());
        Assert.NotNull(first.Value.Next);
        Write("b", 3);
        AwaitCollected(2);
        Assert.Equal("timestamp-too-old", Scan(first.Value.Next).Error?.Code);
    }

    [Fact]
    public void Whoever_comes_back_takes_a_snapshot_or_is_born_by_a_split_refuses_what_was_refused_before()
    {
        Write("k", 10);
        var then = _host.Read(1, ScenarioHost.Zonal, "k").Value!.Version;
        var replicas = _host.RangeOf(ScenarioHost.Zonal).Configuration.Members().ToArray();
        var away = replicas.First(node => node != _host.LeaseholderOf(ScenarioHost.Zonal));
        _host.Crash([away]);
        Write("k", 40, 9);
        Write("x", 40, 9);
        AwaitCollected(2);
        var split = _host.Ask(9, store => store.SplitRangeAsync(
            _host.RangeOf(ScenarioHost.Zonal).Id.Value, ScenarioHost.Key("m"), RequestOptions.Default, CancellationToken.None));
        Assert.True(split.IsOk, split.Error?.ToString());
        _host.Restart([away]);
        _host.AwaitReady();
        AwaitCollected(2);
        _host.Crash([replicas.First(node => node != away)]);
        _host.RunFor(5_000);
        _host.Restart([replicas.First(node => node != away)]);
        _host.AwaitReady();
        foreach (var node in _host.Nodes)
        {
            foreach (var key in new[] { "k", "x" })
            {
                Assert.Equal("timestamp-too-old", _host.Read(node.Value, ScenarioHost.Zonal, key, new ReadBound.At(then)).Error?.Code);
                Assert.Equal("v39", _host.Read(node.Value, ScenarioHost.Zonal, key).Value!.Row["v"].AsString());
            }
        }

        Assert.Null(new SimWatch(_host.Cluster).CompareReplicas());
    }

    [Fact]
    public void A_range_at_rest_says_nothing_once_it_is_collected()
    {
        Write("k", 50);
        AwaitCollected(1);
        _host.RunFor(15 * 60_000);
        Assert.Equal(0, Count(RequestRecordKey.Prefix).Max());
        var ranges = new SortedSet<RangeId>();
        _host.Cluster.Net.Observer = envelope => ranges.UnionWith(envelope.Consensus.Select(message => message.Range));
        _host.RunFor(10 * 60_000);
        Assert.DoesNotContain(_host.RangeOf(ScenarioHost.Zonal).Id, ranges);
    }

    [Fact]
    public void Request_records_go_when_nobody_can_retry_any_more_and_sooner_ones_do_not_wait_for_later_ones()
    {
        for (var i = 0; i < 2_000; i++)
        {
            var options = RequestOptions.Default with { IdempotencyKey = i % 2 == 0 ? $"key-{i}" : null };
            Assert.True(_host.Write(1, ScenarioHost.Zonal, $"k{i % 7}", "v", options).IsOk);
        }

        Assert.InRange(RequestsOfTheTable().Max(), 2_000, 2_000);

        // The node's own retries are over after minutes, a client's after a day.
        _host.RunFor(15 * 60_000);
        Assert.All(ReplicasOf(RequestsOfTheTable()), count => Assert.Equal(1_000, count));
        var again = _host.Write(4, ScenarioHost.Zonal, "k0", "v", RequestOptions.Default with { IdempotencyKey = "key-0" });
        Assert.True(again.IsOk, again.Error?.ToString());
    }

    private static NodeOptions Short(NodeOptions options) =>
        options with { VersionRetentionMs = RetentionMs, LogKeepBytes = 4 << 10, SnapshotChunkBytes = 2 << 10 };

    private GeoResult<ScanPage> Scan(string? page) => _host.Ask(1, store => store.ScanAsync(
        ScenarioHost.Zonal, new([], null, null, [], false, 1, page), ReadBound.Strong, RequestOptions.Default, CancellationToken.None));

    private void Write(string key, int times, int node = 1)
    {
        for (var i = 0; i < times; i++)
        {
            var written = _host.Write(node, ScenarioHost.Zonal, key, $"v{i}");
            Assert.True(written.IsOk, written.Error?.ToString());
        }
    }

    private void AwaitCollected(int left) => _host.RunUntil(
        () => ReplicasOf(Versions()).All(count => count == left),
        CollectedWithinMs,
        $"not {left} versions are left but {string.Join(", ", Versions())}");

    private static IEnumerable<int> ReplicasOf(int[] counts) => counts.Where(count => count >= 0);

    private int[] Versions() => Count(MvccKey.Prefix);

    private int[] RequestsOfTheTable() => Count(RequestRecordKey.Prefix);

    // Of the table, by node; -1 where there is no replica, or the node is down.
    private int[] Count(byte space)
    {
        var span = TableSpan();
        return
        [
            .. _host.Cluster.Cluster.Nodes.Values.Select(node =>
            {
                if (node.Node is null || !node.Node.ReplicasHere().Contains(_host.RangeOf(ScenarioHost.Zonal).Id))
                {
                    return -1;
                }

                var bounds = EscapedKey.SpanBounds(space, span);
                using var cursor = node.Storage!.OpenCursor(bounds.Start, bounds.End);
                var count = 0;
                for (cursor.SeekAtOrAfter(bounds.Start); cursor.IsValid; cursor.MoveNext())
                {
                    count++;
                }

                return count;
            }),
        ];
    }

    private KeySpan TableSpan()
    {
        var view = _host.Cluster.Cluster.Nodes.Values.First(node => node.Node is not null).Node!.System;
        var start = TableKeys.Row(view.Tables[("geo", "zonal")].Info.Id, TableKeys.PrimaryIndex, Datum.FromString(string.Empty));
        var table = view.RangesByStart.Values.Where(range => range.Span.Contains(start)).ToArray();
        return new(table[0].Span.Start, _end ??= table[0].Span.End);
    }

    // Of the table before it was split.
    private Key? _end;
}
