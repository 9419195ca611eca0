using System.Collections.Immutable;
using System.Text.Json;
using OrleansGeo.Api.Requests;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Demo;

/// <summary>What the demo can break.</summary>
public abstract record Fault
{
    private const long PauseMsMax = 600_000;
    private const long JumpMsMax = 365L * 24 * 3600 * 1000;

    private Fault()
    {
    }

    /// <summary>Nodes die.</summary>
    public sealed record Crash(ImmutableArray<DemoNode> Nodes) : Fault;

    /// <summary>Nodes that died come back.</summary>
    public sealed record Restart(ImmutableArray<DemoNode> Nodes) : Fault;

    /// <summary>A node does nothing for a while, and does not know it.</summary>
    public sealed record Pause(DemoNode Node, TimeSpan For) : Fault;

    /// <summary>Regions are cut off from the others.</summary>
    public sealed record Partition(ImmutableArray<string> Regions, CutDirection Direction) : Fault;

    /// <summary>A node's wall clock jumps.</summary>
    public sealed record Clock(DemoNode Node, TimeSpan By) : Fault;

    /// <summary>Reads a fault; null with the reason when the body is none.</summary>
    public static Fault? Read(JsonElement body, DemoCluster cluster, out GeoError? error)
    {
        var members = new JsonMembers(body);
        var faults = new List<Fault?>();
        foreach (var (kind, read) in s_kinds)
        {
            if (members.Element(kind) is { } element)
            {
                var inner = new JsonMembers(element, kind);
                faults.Add(read(inner, cluster));
                members.Refuse(inner.Finish());
            }
        }

        if (members.Error is null && faults.Count != 1)
        {
            members.Refuse(members.Finish() ?? Refusal.Wrong(
                "body", "one-fault", $"The body names one fault: one of {string.Join(", ", s_kinds.Select(kind => kind.Kind))}."));
        }

        error = members.Finish();
        return error is null ? faults[0] : null;
    }

    private static readonly (string Kind, Func<JsonMembers, DemoCluster, Fault?> Read)[] s_kinds =
    [
        ("crash", static (members, cluster) => ReadNodes(members, cluster, "crash") is { } nodes ? new Crash(nodes) : null),
        ("restart", static (members, cluster) => ReadNodes(members, cluster, "restart") is { } nodes ? new Restart(nodes) : null),
        ("pause", ReadPause),
        ("partition", ReadPartition),
        ("clock", ReadClock),
    ];

    private static ImmutableArray<DemoNode>? ReadNodes(JsonMembers members, DemoCluster cluster, string kind)
    {
        var found = new List<ImmutableArray<DemoNode>?>();
        Take("node", static node => node.Record.Name);
        Take("zone", static node => node.Record.Zone);
        Take("region", static node => node.Record.Region);
        if (members.Error is null && found.Count != 1)
        {
            members.Refuse(members.Finish() ?? Refusal.Wrong(kind, "one-target", $"'{kind}' names one target: node, zone or region."));
        }

        return members.Error is null ? found[0] : null;

        void Take(string member, Func<DemoNode, string> labelOf)
        {
            if (members.Text(member) is { } name)
            {
                Known(members, member, name, cluster.Nodes.Select(labelOf));
                found.Add([.. cluster.Nodes.Where(node => labelOf(node) == name)]);
            }
        }
    }

    private static Pause? ReadPause(JsonMembers members, DemoCluster cluster)
    {
        var node = ReadNode(members, cluster);
        var ms = Integer(members, "ms", 1, PauseMsMax);
        return members.Error is null ? new(node!, TimeSpan.FromMilliseconds(ms)) : null;
    }

    private static Clock? ReadClock(JsonMembers members, DemoCluster cluster)
    {
        var node = ReadNode(members, cluster);
        var ms = Integer(members, "jumpMs", -JumpMsMax, JumpMsMax);
        return members.Error is null ? new(node!, TimeSpan.FromMilliseconds(ms)) : null;
    }

    private static Partition? ReadPartition(JsonMembers members, DemoCluster cluster)
    {
        var regions = members.Texts("regions", required: true);
        for (var i = 0; i < regions.Length; i++)
        {
            Known(members, $"regions[{i}]", regions[i], cluster.Regions);
        }

        var distinct = regions.Distinct(StringComparer.Ordinal).Count();
        if (distinct != regions.Length)
        {
            members.Refuse(Refusal.Wrong(members.PathOf("regions"), "duplicate-region", "'partition.regions' names a region twice."));
        }
        else if (distinct == 0 || distinct == cluster.Regions.Length)
        {
            members.Refuse(Refusal.Wrong(
                members.PathOf("regions"), "no-other-side", "'partition.regions' is one side: at least one region, and not all of them."));
        }

        var direction = members.Choice("direction", ("both", CutDirection.Both), ("in", CutDirection.In), ("out", CutDirection.Out));
        return members.Error is null ? new(regions, direction ?? CutDirection.Both) : null;
    }

    private static DemoNode? ReadNode(JsonMembers members, DemoCluster cluster)
    {
        if (members.Text("node", required: true) is not { } name)
        {
            return null;
        }

        Known(members, "node", name, cluster.Nodes.Select(static node => node.Record.Name));
        return cluster.Find(name);
    }

    private static void Known(JsonMembers members, string member, string name, IEnumerable<string> names)
    {
        var known = names.Distinct(StringComparer.Ordinal).ToArray();
        if (!known.Contains(name, StringComparer.Ordinal))
        {
            members.Refuse(Refusal.Wrong(
                members.PathOf(member), "unknown-name",
                $"'{members.PathOf(member)}' is one of {string.Join(", ", known)}, not {DatumText.Quote(name)}."));
        }
    }

    private static long Integer(JsonMembers members, string member, long least, long most)
    {
        if (members.Element(member, required: true) is not { } element)
        {
            return 0;
        }

        if (element.ValueKind != JsonValueKind.Number)
        {
            members.Refuse(JsonMembers.WrongType(members.PathOf(member), "a whole number", element));
        }
        else if (!element.TryGetInt64(out var value) || value < least || value > most)
        {
            members.Refuse(Refusal.Wrong(members.PathOf(member), "out-of-range",
                $"'{members.PathOf(member)}' is a whole number from {least} to {most}."));
        }
        else
        {
            return value;
        }

        return 0;
    }
}
