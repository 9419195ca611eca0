using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation;
using Xunit;

namespace OrleansGeo.Tests.Simulation.World;

public sealed class FaultPlanTests
{
    [Fact]
    public void The_same_seed_draws_the_same_plan()
    {
        Assert.Equal(Draw(1, new()).ToString(), Draw(1, new()).ToString());
        Assert.NotEqual(Draw(1, new()).ToString(), Draw(2, new()).ToString());
    }

    [Fact]
    public void Over_many_seeds_every_allowed_kind_is_drawn_and_no_other()
    {
        FaultKind[] few = [FaultKind.CrashNode, FaultKind.JumpClock];
        Assert.Equal(few.Order(), KindsDrawn(new() { Allowed = few }));
        Assert.Equal(FaultSettings.AllThatHeal.Order(), KindsDrawn(new()));
        Assert.DoesNotContain(FaultKind.FlipBit, FaultSettings.AllThatHeal);
        Assert.Empty(KindsDrawn(new() { Allowed = [] }));

        static IEnumerable<FaultKind> KindsDrawn(FaultSettings settings) =>
            Enumerable.Range(0, 60).SelectMany(seed => Draw((ulong)seed, settings).Faults.Select(f => f.Kind)).Distinct().Order();
    }

    [Theory]
    [InlineData(SurvivalGoal.Zone)]
    [InlineData(SurvivalGoal.Region)]
    public void A_plan_that_keeps_the_quorum_never_takes_more_at_once_than_the_goal_allows(SurvivalGoal goal)
    {
        var settings = new FaultSettings { KeepQuorum = goal };
        var most = 0;
        for (var seed = 0UL; seed < 200; seed++)
        {
            var plan = Draw(seed, settings);
            foreach (var fault in plan.Faults)
            {
                var down = plan.Faults
                    .Where(f => f.StartMicros <= fault.StartMicros && fault.StartMicros <= f.EndMicros)
                    .SelectMany(f => f.Nodes)
                    .Distinct()
                    .Select(id => WanTopology.Demo.Nodes.First(n => n.Id == id))
                    .ToList();
                most = Math.Max(most, down.Count);
                var places = down.Select(n => goal == SurvivalGoal.Zone ? n.Zone : n.Region).Distinct();
                Assert.True(places.Count() <= 1, $"seed {seed}\n{plan}");
            }
        }

        Assert.Equal(goal == SurvivalGoal.Zone ? 1 : 3, most);
    }

    [Fact]
    public void Without_that_a_plan_may_take_several_regions_at_once()
    {
        Assert.Contains(Enumerable.Range(0, 50), seed =>
        {
            var faults = Draw((ulong)seed, new() { Allowed = [FaultKind.CrashRegion] }).Faults;
            return faults.Any(f => faults.Any(g => g.Kind == FaultKind.CrashRegion && f.Kind == FaultKind.CrashRegion
                && f.StartMicros > g.StartMicros && f.StartMicros < g.EndMicros));
        });
    }

    [Fact]
    public void In_the_end_everything_runs_and_the_network_is_at_rest()
    {
        for (var seed = 0UL; seed < 20; seed++)
        {
            var world = new SimWorld(seed);
            var cluster = new PingCluster(world);
            var plan = FaultPlan.Draw(world.Prng.Fork(1), WanTopology.Demo, new() { HealMicros = 6_000_000, GapMicrosMean = 500_000 });
            plan.Schedule(world, cluster);
            Assert.All(plan.Faults, f => Assert.True(f.EndMicros <= plan.HealMicros));
            world.RunFor(6_000_001);
            Assert.False(cluster.Network.HasRules);
            Assert.Equal(WanConditions.None with { LateMicrosMax = cluster.Network.Conditions.LateMicrosMax }, cluster.Network.Conditions);
            Assert.All(Enumerable.Range(1, 9), n => Assert.NotNull(cluster[n].Process));
            Assert.All(Enumerable.Range(1, 9), n => Assert.True(cluster[n].Process!.Scheduler.PausedUntilMicros <= plan.HealMicros));
            var before = cluster.Answers;
            world.RunFor(2_000_000);
            Assert.True(cluster.Answers - before > 100, $"seed {seed}: {cluster.Answers - before} answers after healing");
        }
    }

    private static FaultPlan Draw(ulong seed, FaultSettings settings) => FaultPlan.Draw(new(seed), WanTopology.Demo, settings);
}
