using Orleans.Runtime;

namespace OrleansGeo.Grains;

/// <summary>
/// Where the silo of a name is now. A node's name is its silo's name for good; its address changes with every start. What membership says
/// is a hint: whoever is reached in error says so itself.
/// </summary>
public sealed class NodeBook(IClusterMembershipService membership)
{
    private Page _page = new(null, []);

    /// <summary>The newest silo of a name that is not known to be dead; null when there is none.</summary>
    public SiloAddress? Find(string node)
    {
        var snapshot = membership.CurrentSnapshot;
        var page = _page;
        if (!ReferenceEquals(page.Of, snapshot))
        {
            _page = page = Read(snapshot);
        }

        return page.Silos.GetValueOrDefault(node);
    }

    /// <summary>The silos of all names but one.</summary>
    public IReadOnlyList<SiloAddress> Others(string node)
    {
        Find(node);
        return [.. _page.Silos.Where(silo => silo.Key != node).Select(silo => silo.Value)];
    }

    private static Page Read(ClusterMembershipSnapshot snapshot)
    {
        var silos = new Dictionary<string, SiloAddress>(StringComparer.Ordinal);
        foreach (var member in snapshot.Members.Values.Where(IsThere).OrderBy(member => member.SiloAddress.Generation))
        {
            silos[member.Name] = member.SiloAddress;
        }

        return new(snapshot, silos);
    }

    // One that is joining or leaving can be spoken to: a node takes part until it stops itself.
    private static bool IsThere(ClusterMember member) =>
        member.Status is SiloStatus.Joining or SiloStatus.Active or SiloStatus.ShuttingDown or SiloStatus.Stopping;

    private sealed record Page(ClusterMembershipSnapshot? Of, Dictionary<string, SiloAddress> Silos);
}
