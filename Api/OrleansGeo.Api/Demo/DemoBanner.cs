using System.Collections.Immutable;

namespace OrleansGeo.Api.Demo;

/// <summary>What the demo prints when it is ready: where everything is, and lines to paste.</summary>
public static class DemoBanner
{
    private const string Json = "-H 'content-type: application/json'";

    /// <summary>Five requests that work when they are pasted in order, and again.</summary>
    public static ImmutableArray<(string What, string Line)> FirstSteps(string front, DemoCluster cluster)
    {
        var (west, europe) = (AddressIn(cluster, "us-west1"), AddressIn(cluster, "europe-west1"));
        var regions = string.Join(",", cluster.Regions.Select(region => $"\"{region}\""));
        var database = $$"""{"name":"shop","primaryRegion":"us-east1","regions":[{{regions}}],"survive":"region"}""";
        const string Columns = """[{"name":"id","type":"string"},{"name":"name","type":"string"},{"name":"born","type":"int64"}]""";
        const string Table = $$"""{"name":"users","columns":{{Columns}},"primaryKey":["id"]}""";
        const string Rows = "/v1/databases/shop/tables/users/rows/ada";

        // A stale read may be of a moment before the write: curl asks again until the row is there.
        const string Stale = "-H 'geo-consistency: bounded;max-ms=10000' --retry 9 --retry-delay 1 --retry-all-errors";
        return
        [
            ("a database that survives the loss of any region",
                $"curl -sS {front}/v1/databases {Json} -d '{database}'"),
            ("a table in it",
                $"curl -sS {front}/v1/databases/shop/tables {Json} -d '{Table}'"),
            ("a row, written in us-west1", $"curl -sS -X PUT {west}{Rows} {Json} -d '{{\"name\":\"Ada\",\"born\":1815}}'"),
            ("the same row, read in europe-west1 from what is there, asking no other region", $"curl -sf {europe}{Rows} {Stale}"),
            ("where the table's replicas are, and who leads", $"curl -sS '{front}/v1/ranges'"),
        ];
    }

    /// <summary>Requests that break something, look, and mend it.</summary>
    public static ImmutableArray<(string What, string Line)> Breakage(string front) =>
    [
        ("lose a region, with the leader in it",
            $"curl -sS {front}{FaultBoard.Path} {Json} -d '{{\"crash\":{{\"region\":\"us-east1\"}}}}'"),
        ("read on", $"curl -sSi {front}/v1/databases/shop/tables/users/rows/ada"),
        ("bring everything back", $"curl -sS -X DELETE {front}{FaultBoard.Path}"),
    ];

    /// <summary>Prints it.</summary>
    public static void Print(DemoOutput output, string front, DemoCluster cluster, DemoOptions options)
    {
        output.Line();
        var where = options.Data is null ? "memory" : Path.GetFullPath(options.Data);
        output.Line($"OrleansGeo: nine nodes in three regions, data in {where}.");
        output.Line($"Front door: {front} (forwards to the nearest ready node, seen from {options.FrontRegion})");
        output.Table(
            ["node", "region", "zone", "address"],
            cluster.Nodes.Select(node => (IReadOnlyList<string>)[node.Record.Name, node.Record.Region, node.Record.Zone, AddressOf(node)]));
        output.Line();
        output.Line("Paste in order:");
        Print(output, FirstSteps(front, cluster));
        output.Line("Then break it:");
        Print(output, Breakage(front));
        output.Line("Ctrl-C stops it all.");
        output.Line();
    }

    private static void Print(DemoOutput output, IEnumerable<(string What, string Line)> steps)
    {
        foreach (var (what, line) in steps)
        {
            output.Line($"  # {what}");
            output.Line($"  {line}");
        }
    }

    private static string AddressIn(DemoCluster cluster, string region) =>
        AddressOf(cluster.Nodes.First(node => node.Record.Region == region));

    private static string AddressOf(DemoNode node) => node.Address.GetLeftPart(UriPartial.Authority);
}
