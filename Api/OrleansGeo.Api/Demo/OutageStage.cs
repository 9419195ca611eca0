using System.Collections.Immutable;

namespace OrleansGeo.Api.Demo;

/// <summary>What is broken in an outage.</summary>
public enum OutageFaultKind
{
    /// <summary>The nodes of a zone die.</summary>
    CrashZone,

    /// <summary>The nodes of a region die.</summary>
    CrashRegion,

    /// <summary>The nodes of a zone stand still, and do not know it.</summary>
    PauseZone,

    /// <summary>The nodes of a region stand still, and do not know it.</summary>
    PauseRegion,

    /// <summary>A region is cut off from the others, both ways.</summary>
    CutRegion,

    /// <summary>What the others send to a region is lost; what it sends arrives.</summary>
    CutRegionIn,

    /// <summary>What a region sends to the others is lost; what they send arrives.</summary>
    CutRegionOut,
}

/// <summary>One thing that is broken: what, and which zone or region.</summary>
public sealed record OutageFault(OutageFaultKind Kind, string Name)
{
    /// <summary>Whether a node is one of those that it breaks, or whose region it cuts.</summary>
    public bool IsOf(OutageNode node) =>
        Name == (Kind is OutageFaultKind.CrashZone or OutageFaultKind.PauseZone ? node.Zone : node.Region);
}

/// <summary>A node that an outage is seen from.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Region">Its region.</param>
/// <param name="Zone">Its zone.</param>
/// <param name="Address">Where it answers REST.</param>
public sealed record OutageNode(string Name, string Region, string Zone, Uri Address);

/// <summary>The cluster that an outage plays on: the demo's own, or one of processes.</summary>
public interface IOutageStage
{
    /// <summary>Its nodes.</summary>
    ImmutableArray<OutageNode> Nodes { get; }

    /// <summary>Where to ask when no node in particular is meant.</summary>
    Uri Front { get; }

    /// <summary>How long everyone may take to be served again when all is mended.</summary>
    TimeSpan Patience { get; }

    /// <summary>Breaks something; done when it is in effect.</summary>
    Task BreakAsync(OutageFault fault, CancellationToken stop);

    /// <summary>Mends everything that was broken.</summary>
    Task MendAsync(CancellationToken stop);
}

/// <summary>The demo, which breaks on request; each request is shown as the line that makes it.</summary>
public sealed class DemoStage(DemoHost host, DemoClient client, DemoOutput output) : IOutageStage
{
    // Longer than any script; mending ends it.
    private const int PauseMs = 600_000;

    /// <inheritdoc />
    public ImmutableArray<OutageNode> Nodes { get; } =
    [
        .. host.Cluster.Nodes.Select(node => new OutageNode(node.Record.Name, node.Record.Region, node.Record.Zone, node.Address)),
    ];

    /// <inheritdoc />
    public Uri Front => host.Front;

    /// <inheritdoc />
    public TimeSpan Patience { get; } = TimeSpan.FromSeconds(30);

    /// <inheritdoc />
    public async Task BreakAsync(OutageFault fault, CancellationToken stop)
    {
        foreach (var body in Bodies(fault))
        {
            Show(HttpMethod.Post, body);
            await client.InsistAsync(HttpMethod.Post, Front, FaultBoard.Path, body, stop);
        }
    }

    /// <inheritdoc />
    public async Task MendAsync(CancellationToken stop)
    {
        Show(HttpMethod.Delete, null);
        await client.InsistAsync(HttpMethod.Delete, Front, FaultBoard.Path, null, stop);
    }

    private IEnumerable<string> Bodies(OutageFault fault) => fault.Kind switch
    {
        OutageFaultKind.CrashZone => [$$$"""{"crash":{"zone":"{{{fault.Name}}}"}}"""],
        OutageFaultKind.CrashRegion => [$$$"""{"crash":{"region":"{{{fault.Name}}}"}}"""],
        OutageFaultKind.PauseZone or OutageFaultKind.PauseRegion =>
            Nodes.Where(fault.IsOf).Select(static node => $$$"""{"pause":{"node":"{{{node.Name}}}","ms":{{{PauseMs}}}}}"""),
        OutageFaultKind.CutRegionIn => [Partition(fault, "in")],
        OutageFaultKind.CutRegionOut => [Partition(fault, "out")],
        _ => [Partition(fault, "both")],
    };

    private static string Partition(OutageFault fault, string direction) =>
        $$$"""{"partition":{"regions":["{{{fault.Name}}}"],"direction":"{{{direction}}}"}}""";

    private void Show(HttpMethod method, string? body) => output.Line("  " + Curl.Line(method, Front, FaultBoard.Path, body));
}
