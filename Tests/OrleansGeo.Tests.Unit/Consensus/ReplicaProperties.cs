using System.Globalization;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Consensus;

/// <summary>
/// Random schedules against the rules of <see cref="ClusterChecks"/>, then a healed network against liveness. A failure names its seed:
/// GEO_SEED=n replays that one, with GEO_TRACE=1 it prints every message, GEO_SEEDS=n runs that many.
/// </summary>
public sealed class ReplicaProperties
{
    private const ulong SeedsDefault = 200;
    private const ulong SeedsPerBug = 400;

    [Fact]
    public void Random_schedules_break_no_rule_and_heal()
    {
        var first = Number("GEO_SEED") ?? 1;
        var count = Number("GEO_SEED") is null ? Number("GEO_SEEDS") ?? SeedsDefault : 1;
        for (var seed = first; seed < first + count; seed++)
        {
            Run(seed);
        }
    }

#if PLANTED_BUGS
    [Theory]
    [InlineData("consensus.count-stale-lease")]
    [InlineData("consensus.vote-ignores-log")]
    [InlineData("consensus.fortify-ignored")]
    [InlineData("consensus.append-ack-before-persist")]
    [InlineData("consensus.bound-ignored")]
    [InlineData("consensus.serve-before-leader-start")]
    [InlineData("consensus.commit-without-joint-majority")]
    public void Random_schedules_catch_a_planted_bug(string bug)
    {
        PlantedBug.Active = bug;
        try
        {
            for (ulong seed = 1; seed <= SeedsPerBug; seed++)
            {
                try
                {
                    Run(seed);
                }
                catch (ClusterCheckException e)
                {
                    TestContext.Current.TestOutputHelper?.WriteLine(e.Message);
                    return;
                }
            }
        }
        finally
        {
            PlantedBug.Active = null;
        }

        Assert.Fail($"{SeedsPerBug} schedules did not catch {bug}");
    }
#endif

    private static ulong? Number(string variable) =>
        ulong.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;

    private static void Run(ulong seed)
    {
        try
        {
            var schedule = new RandomSchedule(seed);
            if (Number("GEO_TRACE") is not null)
            {
                schedule.Cluster.OnSend = m => Console.WriteLine($"{schedule.Cluster.Now} {Transcribe.Line(m)}");
            }

            schedule.Run();
        }
        catch (Exception e) when (e is ClusterCheckException or InvariantViolationException)
        {
            throw new ClusterCheckException($"GEO_SEED={seed}: {e.Message}\n{e.StackTrace}");
        }
    }
}
