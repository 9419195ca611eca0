using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>Chooses the timestamps of writes.</summary>
public static class WriteTimestamps
{
    /// <summary>Test builds only: writes do not mind what was read.</summary>
    public const string BugWriteIgnoresReads = "write-ignores-reads";

    /// <summary>
    /// The timestamp of a write: now, or as much later as it takes to lie strictly above the newest version of every key it writes (the
    /// versions of a key have one order), above everything read of those keys (a read that was served never changes) and above the closed
    /// timestamp (what followers already serve never changes).
    /// The caller still holds the result against its acknowledged bound.
    /// </summary>
    public static HlcTimestamp Choose(HlcTimestamp newestVersion, HlcTimestamp newestRead, HlcTimestamp closed, HlcTimestamp now)
    {
        if (PlantedBug.Is(BugWriteIgnoresReads))
        {
            newestRead = HlcTimestamp.Zero;
        }

        var floor = HlcTimestamp.Later(HlcTimestamp.Later(newestVersion, newestRead), closed);
        Invariant.Holds(floor < HlcTimestamp.Max);
        return HlcTimestamp.Later(floor.Next, now);
    }
}
