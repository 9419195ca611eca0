using System.Collections.Immutable;

namespace OrleansGeo.Api.Demo;

/// <summary>What an outage script breaks, seen from the home region of its tables.</summary>
/// <param name="Name">Its name.</param>
/// <param name="What">In words.</param>
/// <param name="Faults">The faults; given the home region, the leader's zone first.</param>
/// <param name="IsLost">Whether a node is gone: its zone, the home's zones with the leader's first, and the home.</param>
/// <param name="MustServe">Whether a client is to be served again before anything is healed.</param>
public sealed record OutagePlan(
    string Name,
    string What,
    Func<OutageScene, ImmutableArray<OutageFault>> Faults,
    Func<OutageScene, OutageNode, bool> IsLost,
    Func<LoadKind, OutageView, bool> MustServe)
{
    /// <summary>All of them.</summary>
    public static ImmutableArray<OutagePlan> All { get; } =
    [
        new(
            "kill-zone", "the zone of the leaders dies",
            static scene => [new(OutageFaultKind.CrashZone, scene.Zones[0])],
            static (scene, node) => node.Zone == scene.Zones[0],
            static (_, _) => true),
        new(
            "kill-two-zones", "two zones of the home region die at once: more than the zone goal is made for",
            static scene => [.. scene.Zones.Take(2).Select(static zone => new OutageFault(OutageFaultKind.CrashZone, zone))],
            static (scene, node) => scene.Zones.Take(2).Contains(node.Zone),
            static (kind, view) => view.SurvivesRegion || (kind == LoadKind.StaleRead && !view.IsHome)),
        new(
            "kill-region", "the home region dies",
            static scene => [new(OutageFaultKind.CrashRegion, scene.Home)],
            static (scene, node) => node.Region == scene.Home,
            static (kind, view) => view.SurvivesRegion || kind == LoadKind.StaleRead),
        new(
            "pause-zone", "the zone of the leaders stands still, and goes on afterwards as if nothing had been",
            static scene => [new(OutageFaultKind.PauseZone, scene.Zones[0])],
            static (scene, node) => node.Zone == scene.Zones[0],
            static (_, _) => true),
        new(
            "pause-region", "the home region stands still, and goes on afterwards as if nothing had been",
            static scene => [new(OutageFaultKind.PauseRegion, scene.Home)],
            static (scene, node) => node.Region == scene.Home,
            static (kind, view) => view.SurvivesRegion || kind == LoadKind.StaleRead),
        Cut("cut-region", "the home region is cut off from the others, and lives", OutageFaultKind.CutRegion),
        Cut("cut-region-in", "the home region hears nothing from the others, which hear it", OutageFaultKind.CutRegionIn),
        Cut("cut-region-out", "the home region is not heard by the others, which it hears", OutageFaultKind.CutRegionOut),
    ];

    // Whoever is cut off, one way or both, has its own region and stale reads.
    private static OutagePlan Cut(string name, string what, OutageFaultKind kind) => new(
        name, what,
        scene => [new(kind, scene.Home)],
        static (_, _) => false,
        static (kind, view) => kind == LoadKind.StaleRead || view.SurvivesRegion != view.IsHome);
}

/// <summary>Where an outage plays.</summary>
/// <param name="Home">The home region of both tables.</param>
/// <param name="Zones">Its zones, the leaders' first.</param>
public sealed record OutageScene(string Home, ImmutableArray<string> Zones);

/// <summary>A client's place: which goal its table has, and whether it stands in the home region.</summary>
public sealed record OutageView(bool SurvivesRegion, bool IsHome);
