using System.Collections.Immutable;

namespace OrleansGeo.Api.Demo;

/// <summary>What is broken in an outage.</summary>
public enum OutageFaultKind
{
    /// <summary>The nodes of a zone die.</summary>
    CrashZone,

    /// <summary>The nodes of a region die.</summary>
    CrashRegion,

    /// <summary>A region is cut off from the others, both ways.</summary>
    CutRegion,
}

/// <summary>One thing that is broken: what, and which zone or region.</summary>
public sealed record OutageFault(OutageFaultKind Kind, string Name);

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
        var body = fault.Kind switch
        {
            OutageFaultKind.CrashZone => $$$"""{"crash":{"zone":"{{{fault.Name}}}"}}""",
            OutageFaultKind.CrashRegion => $$$"""{"crash":{"region":"{{{fault.Name}}}"}}""",
            _ => $$$"""{"partition":{"regions":["{{{fault.Name}}}"],"direction":"both"}}""",
        };
        Show(HttpMethod.Post, body);
        await client.InsistAsync(HttpMethod.Post, Front, FaultBoard.Path, body, stop);
    }

    /// <inheritdoc />
    public async Task MendAsync(CancellationToken stop)
    {
        Show(HttpMethod.Delete, null);
        await client.InsistAsync(HttpMethod.Delete, Front, FaultBoard.Path, null, stop);
    }

    private void Show(HttpMethod method, string? body) => output.Line("  " + Curl.Line(method, Front, FaultBoard.Path, body));
}
