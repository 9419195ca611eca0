using Npgsql;
using OrleansGeo.Clustering;
using OrleansGeo.Primitives;

namespace OrleansGeo.Silo;

/// <summary>
/// Whether this machine's wall clock can be right. Nothing of the store rests on wall clocks but how fresh a stale read is; but what a node
/// says whose clock is too far ahead is not believed by others, and a silo that starts with an earlier clock than the last time is taken
/// for one that is gone. The clocks to compare with are those of the membership's databases.
/// </summary>
internal static class ClockCheck
{
    private static readonly TimeSpan s_most = TimeSpan.FromMilliseconds(HlcClock.DefaultMaxAheadMillis);

    /// <summary>Asks every database for its time; those that do not answer are left out.</summary>
    /// <exception cref="SiloRefusedException">All that answer are too far from this machine's time, on the same side.</exception>
    public static async Task CheckAsync(IReadOnlyList<MembershipDatabase> databases, TimeProvider time)
    {
        var ahead = await Task.WhenAll(databases.Select(database => AheadAsync(database, time)));
        TimeSpan[] known = [.. ahead.OfType<TimeSpan>()];
        if (known.Length > 0 && (known.Min() > s_most || known.Max() < -s_most))
        {
            var off = known.MinBy(static off => off.Duration());
            throw new SiloRefusedException(
                $"The clock of this machine is {off.Duration().TotalSeconds:F0} s {(off > TimeSpan.Zero ? "ahead of" : "behind")} that of "
                + $"the membership's databases; a node's may be at most {s_most.TotalSeconds:F0} s off. Set it right first.");
        }
    }

    private static async Task<TimeSpan?> AheadAsync(MembershipDatabase database, TimeProvider time)
    {
        try
        {
            return await PostgresScripts.AskAsync(database.ConnectionString, async (source, stop) =>
            {
                await using var command = source.CreateCommand("SELECT clock_timestamp()");
                var there = (DateTime)(await command.ExecuteScalarAsync(stop))!;
                return time.GetUtcNow().UtcDateTime - there.ToUniversalTime();
            });
        }
        catch (Exception silent) when (PostgresScripts.IsOfDatabase(silent))
        {
            return null;
        }
    }
}
