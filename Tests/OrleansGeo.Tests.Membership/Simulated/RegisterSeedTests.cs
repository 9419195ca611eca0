using Xunit;

namespace OrleansGeo.Tests.Membership.Simulated;

/// <summary>The register under drawn trouble, and the tests of these tests: each planted bug has to be seen by some seed.</summary>
public sealed class RegisterSeedTests(ITestOutputHelper output)
{
    private const int Seeds = 300;

    [Fact]
    public void Under_loss_delay_crashes_pauses_and_cuts_the_register_is_linearizable() => RunSeeds(restores: false);

    [Fact]
    public void An_acceptor_restored_from_an_old_backup_is_refused_and_harms_nothing() => RunSeeds(restores: true);

    [Fact]
    public void A_seed_goes_the_same_way_twice() =>
        Assert.Equal(RegisterRun.Run(5, null, restores: false), RegisterRun.Run(5, null, restores: false));

    [Theory]
    [InlineData("register.accept-any-ballot", false)]
    [InlineData("register.promise-not-stored", false)]
    [InlineData("register.lowest-ballot-chosen", false)]
    [InlineData("register.retry-applies-again", false)]
    [InlineData("register.read-takes-any-value", false)]
    [InlineData("register.floor-ignored", true)]
    [InlineData("register.trusts-every-life", true)]
    public void A_planted_bug_is_caught(string bug, bool restores)
    {
        for (var seed = 1UL; seed <= Seeds; seed++)
        {
            if (RegisterRun.Run(seed, bug, restores).Failure is { } failure)
            {
                output.WriteLine($"{bug}: {failure.Split('\n')[0]}");
                return;
            }
        }

        Assert.Fail($"{bug} went through {Seeds} seeds unseen");
    }

    private void RunSeeds(bool restores)
    {
        var results = Enumerable.Range(1, Seeds).Select(seed => RegisterRun.Run((ulong)seed, null, restores)).ToList();
        var (answered, unknown) = (results.Sum(result => result.Answered), results.Sum(result => result.Unknown));
        output.WriteLine($"{Seeds} seeds, {answered} answered, {unknown} unknown");
        var failures = results.Select(result => result.Failure).OfType<string>().ToList();
        Assert.True(failures.Count == 0, $"{failures.Count} seeds failed\n\n{string.Join("\n\n", failures.Take(3))}");
    }
}
