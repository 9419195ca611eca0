using System.Globalization;
using Orleans;
using Orleans.Runtime;
using OrleansGeo.Membership;

namespace OrleansGeo.Clustering;

/// <summary>Orleans' entries as rows, and back. Update and fault zones, which Orleans itself gives no use, are not kept.</summary>
internal static class MembershipRows
{
    /// <summary>An entry to be written; its tag is the table's to give.</summary>
    public static MemberRow RowOf(MembershipEntry entry) => new(
        entry.SiloAddress.ToParsableString(),
        (int)entry.Status,
        [.. (entry.SuspectTimes ?? []).Select(vote => new Suspicion(vote.Item1.ToParsableString(), TicksOf(vote.Item2)))],
        entry.ProxyPort,
        entry.HostName ?? "",
        entry.SiloName ?? "",
        entry.RoleName ?? "",
        TicksOf(entry.StartTime),
        TicksOf(entry.IAmAliveTime),
        Tag: 0);

    /// <summary>An entry with its tag, a copy for the caller to change.</summary>
    public static Tuple<MembershipEntry, string> EntryOf(MemberRow row) => new(
        new()
        {
            SiloAddress = SiloAddress.FromParsableString(row.Silo),
            Status = (SiloStatus)row.Status,
            SuspectTimes = row.Suspicions.Length == 0 ? null : [.. row.Suspicions.Select(VoteOf)],
            ProxyPort = row.ProxyPort,
            HostName = row.HostName,
            SiloName = row.SiloName,
            RoleName = row.RoleName,
            StartTime = TimeOf(row.StartTicks),
            IAmAliveTime = TimeOf(row.AliveTicks),
        },
        TagOf(row.Tag));

    /// <summary>A version of the table or a row's tag as Orleans carries it.</summary>
    public static string TagOf(int tag) => tag.ToString(CultureInfo.InvariantCulture);

    /// <summary>Ticks of UTC. Orleans means UTC where a time does not say what it is.</summary>
    public static long TicksOf(DateTime time) => time.Kind == DateTimeKind.Local ? time.ToUniversalTime().Ticks : time.Ticks;

    private static Tuple<SiloAddress, DateTime> VoteOf(Suspicion vote) =>
        new(SiloAddress.FromParsableString(vote.Silo), TimeOf(vote.AtTicks));

    private static DateTime TimeOf(long ticks) => new(ticks, DateTimeKind.Utc);
}
