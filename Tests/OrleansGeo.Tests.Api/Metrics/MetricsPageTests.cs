using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Text;
using OrleansGeo.Api.Observability;
using OrleansGeo.Tests.Api.Demo;

namespace OrleansGeo.Tests.Api.Metrics;

public sealed class MetricsPageTests(DemoFixture demo) : IClassFixture<DemoFixture>
{
    private const string Rows = "/v1/databases/metered/tables/t/rows";

    [Fact]
    public async Task A_nodes_page_is_what_the_format_says_and_shows_that_node_alone()
    {
        await MakeTrafficAsync();
        var page = await PageAsync("n4");
        foreach (var family in page.Families.Values.Where(static one => one.Name.StartsWith("orleansgeo_", StringComparison.Ordinal)))
        {
            Assert.All(
                family.Samples, static one => Assert.Equal(("n4", "us-west1", "us-west1-a"), (one["node"], one["region"], one["zone"])));
        }

        var requests = page.Families["http_server_request_duration_seconds"].Samples;
        Assert.Contains(requests, static one => one["http_route"] == "/v1/databases/{db}");
        Assert.NotEmpty(page.Families["dotnet_process_cpu_time_seconds_total"].Samples);
    }

    [Fact]
    public async Task Every_series_has_the_name_kind_and_labels_of_the_list()
    {
        await MakeTrafficAsync();
        var list = MetricsList.Read().ToDictionary(static one => one.Name, StringComparer.Ordinal);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var node in demo.Host.Cluster.Nodes)
        {
            foreach (var family in (await PageAsync(node.Record.Name)).Families.Values)
            {
                Assert.True(list.TryGetValue(family.Name, out var listed), $"{family.Name} is not in docs/metrics.md");
                Assert.Equal(listed.Kind, family.Kind);
                Assert.All(family.Samples, one => Check(listed, one));
                _ = family.Samples.IsEmpty || seen.Add(family.Name);
            }
        }

        // What a node always has something to say of.
        string[] steady =
        [
            "orleansgeo_gateway_request_duration_seconds", "orleansgeo_replication_commit_duration_seconds",
            "orleansgeo_storage_sync_duration_seconds", "orleansgeo_replication_proposals_total", "orleansgeo_replica_held",
            "orleansgeo_peer_rtt_seconds", "orleansgeo_closed_timestamp_lag_seconds", "orleansgeo_cluster_ranges_lost_with_region",
        ];
        Assert.Empty(steady.Except(seen));
    }

    [Fact]
    public async Task What_can_be_lost_is_counted_before_and_after_a_zone_is_lost()
    {
        await MakeTrafficAsync();
        Assert.Equal(0, await ValueAsync("n9", "orleansgeo_cluster_ranges_lost_with_zone", ("lost_zone", "us-east1-b")));
        await UntilAsync("n9", "orleansgeo_peer_live", static value => value == 1, ("peer", "n1"));
        using (await demo.FaultAsync("""{"crash":{"node":"n1"}}"""))
        {
            await UntilAsync("n9", "orleansgeo_peer_live", static value => value == 0, ("peer", "n1"));

            // The table has its three voters in the three zones of the region; with one gone no other may go.
            await UntilAsync("n9", "orleansgeo_cluster_ranges_lost_with_zone", static value => value > 0, ("lost_zone", "us-east1-b"));
            await UntilAsync("n9", "orleansgeo_cluster_ranges_goal_unmet", static value => value > 0, ("goal", "zone"));
            Assert.Equal(0, await ValueAsync("n9", "orleansgeo_cluster_ranges_without_quorum"));
        }

        using (await demo.FaultAsync("""{"crash":{"node":"n2"}}"""))
        {
            await UntilAsync("n9", "orleansgeo_cluster_ranges_without_quorum", static value => value > 0);
        }

        await demo.HealAsync();
        await UntilAsync("n9", "orleansgeo_cluster_ranges_without_quorum", static value => value == 0);
        await UntilAsync("n9", "orleansgeo_cluster_ranges_goal_unmet", static value => value == 0, ("goal", "zone"));
    }

    [Fact]
    public async Task The_list_names_every_instrument_and_no_other()
    {
        await MakeTrafficAsync();
        RuntimeHelpers.RunClassConstructor(
            typeof(Membership.RegisterClient).Assembly.GetType("OrleansGeo.Membership.RegisterMetrics", true)!.TypeHandle);
        var published = new SortedDictionary<string, ListedMetric>(StringComparer.Ordinal);
        using (var listener = new MeterListener())
        {
            listener.InstrumentPublished = (instrument, _) =>
            {
                if (MetricsCollector.IsShown(instrument.Meter.Name))
                {
                    published[instrument.Name] = Describe(instrument);
                }
            };
            listener.Start();
        }

        var listed = MetricsList.Read().ToDictionary(static one => one.Instrument, StringComparer.Ordinal);
        Assert.Equal(published.Keys, listed.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, is_) in published)
        {
            Assert.Equal((is_.Name, is_.Kind, is_.Unit), (listed[name].Name, listed[name].Kind, listed[name].Unit));
            if (name.StartsWith("orleansgeo.", StringComparison.Ordinal))
            {
                Assert.Equal(is_.Meaning, listed[name].Meaning);
            }
        }
    }

    [Fact]
    public void Text_is_escaped_and_read_back_as_it_was()
    {
        const string Odd = "a\\b\"c\nd, {e}=\"f\"";
        using var meter = new Meter(new MeterOptions("OrleansGeo.Tests.Odd") { Tags = [new("node.name", Odd), new("same", "meter")] });
        var counter = meter.CreateCounter<long>("odd.things", "{thing}", "Odd\nthings \\ all.");
        var gauge = meter.CreateObservableGauge("odd.share", static () => double.PositiveInfinity, "1");
        var counts = new InstrumentSeries(counter, 10);
        counts.Record(3, [new("same", "measurement"), new("le-ft", true)]);
        var shares = new InstrumentSeries(gauge, 10);
        shares.Record(double.PositiveInfinity, []);
        var page = PrometheusPage.Parse(PrometheusText.Render([counts, shares]));
        var odd = page.Families["odd_things_total"];
        Assert.Equal("Odd\nthings \\ all.", odd.Help);
        Assert.Equal([("node_name", Odd), ("same", "measurement"), ("le_ft", "true")], odd.Samples.Single().Labels);
        Assert.Equal(double.PositiveInfinity, page.Families["odd_share_ratio"].Samples.Single().Value);
    }

    [Fact]
    public void What_is_not_said_again_when_somebody_looks_is_not_so_any_more()
    {
        using var meter = new Meter("OrleansGeo.Tests.Gone");
        var series = new InstrumentSeries(meter.CreateObservableGauge("peers", static () => 1), 10);
        series.Record(1, [new("peer", "n1")]);
        series.BeginCollection();
        series.Record(1, [new("peer", "n2")]);
        Assert.Equal("n2", PrometheusPage.Parse(PrometheusText.Render([series])).Families["peers"].Samples.Single()["peer"]);
    }

    [Fact]
    public void A_histogram_counts_each_measurement_once_and_a_flood_of_labels_is_cut_off()
    {
        using var meter = new Meter("OrleansGeo.Tests.Buckets");
        var histogram = meter.CreateHistogram(
            "waits", "s", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        var series = new InstrumentSeries(histogram, 2);
        foreach (var (value, who) in new[] { (0.1, "a"), (0.5, "a"), (7, "a"), (1, "b"), (1, "c") })
        {
            series.Record(value, [new("who", who)]);
        }

        var samples = PrometheusPage.Parse(PrometheusText.Render([series])).Families["waits_seconds"].Samples;
        Assert.Equal([1, 2, 3], samples.Where(static one => one["who"] == "a" && one["le"] is not null).Select(static one => one.Value));
        Assert.Equal(7.6, samples.Single(static one => one["who"] == "a" && one.Name == "waits_seconds_sum").Value);
        Assert.DoesNotContain(samples, static one => one["who"] == "c");
    }

    private static void Check(ListedMetric listed, Sample sample)
    {
        var own = listed.Name.StartsWith("orleansgeo_", StringComparison.Ordinal)
            && !listed.Name.StartsWith("orleansgeo_membership", StringComparison.Ordinal);
        var labels = sample.Labels.Select(static label => label.Name).Where(static name => name != "le")
            .Except(listed.OptionalLabels, StringComparer.Ordinal);
        Assert.Equal((own ? MetricsList.NodeLabels : []).Concat(listed.Labels).Order(), labels.Order());
    }

    private static ListedMetric Describe(Instrument instrument)
    {
        var kind = instrument.GetType().Name.Split('`')[0] switch
        {
            "Histogram" => "histogram",
            "Counter" or "ObservableCounter" => "counter",
            _ => "gauge",
        };
        return new(
            PrometheusText.Name(instrument), instrument.Name, kind, instrument.Unit ?? "", [], [], instrument.Description ?? "");
    }

    private async Task MakeTrafficAsync()
    {
        await SendAsync("POST", "/v1/databases", """{"name":"metered","primaryRegion":"us-east1","regions":["us-east1"]}""");
        await SendAsync(
            "POST", "/v1/databases/metered/tables", """{"name":"t","primaryKey":["k"],"columns":[{"name":"k","type":"string"}]}""");
        foreach (var node in demo.Host.Cluster.Nodes)
        {
            using var put = await SendAsync("PUT", $"{Rows}/{node.Record.Name}", "{}", node.Record.Name);
            Assert.True(put.IsSuccessStatusCode);
            using var got = await demo.Http.GetAsync(demo.At(node.Record.Name, "/v1/databases/metered"));
        }
    }

    private Task<HttpResponseMessage> SendAsync(string method, string path, string body, string node = "n1") => demo.Http.SendAsync(
        new(new HttpMethod(method), demo.At(node, path)) { Content = new StringContent(body, Encoding.UTF8, "application/json") });

    private async Task<PrometheusPage> PageAsync(string node)
    {
        using var reply = await demo.Http.GetAsync(demo.At(node, "/metrics"));
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", reply.Content.Headers.ContentType!.ToString());
        return PrometheusPage.Parse(await reply.Content.ReadAsStringAsync());
    }

    private async Task<double> ValueAsync(string node, string name, params (string Name, string Value)[] labels) =>
        (await PageAsync(node)).Families[name].Samples.Single(one => labels.All(label => one[label.Name] == label.Value)).Value;

    // A node sums up what it knows once a second; what it does not know yet has no series.
    private async Task UntilAsync(string node, string name, Func<double, bool> good, params (string Name, string Value)[] labels)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            var samples = (await PageAsync(node)).Families.GetValueOrDefault(name)?.Samples ?? [];
            if (samples.FirstOrDefault(one => labels.All(label => one[label.Name] == label.Value)) is { } sample && good(sample.Value))
            {
                return;
            }

            await Task.Delay(100, deadline.Token);
        }
    }
}
