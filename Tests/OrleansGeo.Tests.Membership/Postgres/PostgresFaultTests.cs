using System.Diagnostics;
using System.Globalization;
using OrleansGeo.Membership;
using Xunit;

namespace OrleansGeo.Tests.Membership.Postgres;

/// <summary>A register on three real servers that are killed, paused, and restored.</summary>
[Collection(PostgresServers.Name)]
public sealed class PostgresFaultTests(PostgresFixture fixture, ITestOutputHelper output)
{
    private IReadOnlyList<PostgresServer> Servers => fixture.Servers;

    [Fact]
    public async Task With_one_server_killed_the_register_goes_on_and_the_server_takes_part_again()
    {
        await using var register = await PostgresRegister.Found("killed", Servers);
        using var client = register.Client();
        var version = await PostgresRegister.Change(client, 0, "before");
        await During(Servers[0].Kill, Servers[0].Launch, async () =>
        {
            version = await PostgresRegister.Change(client, version, "without a");
            Assert.Equal((2, "without a"), await PostgresRegister.Read(client));
            using var fresh = register.Client();
            Assert.Equal((2, "without a"), await PostgresRegister.Read(fresh));
        });
        await During(Servers[1].Kill, Servers[1].Launch, async () =>
            Assert.Equal(3, await PostgresRegister.Change(client, version, "without b")));
        Assert.Empty(register.Alarms);
    }

    [Fact]
    public async Task With_two_servers_down_nothing_is_said_to_be_done()
    {
        await using var register = await PostgresRegister.Found("two-down", Servers);
        using var client = register.Client(PostgresRegister.Options with { RoundsMax = 3 });
        await PostgresRegister.Change(client, 0, "before");
        using var fresh = register.Client(PostgresRegister.Options with { RoundsMax = 3 });
        await During(
            () => { Servers[0].Kill(); Servers[1].Kill(); },
            () => { Servers[0].Launch(); Servers[1].Launch(); },
            async () =>
            {
                Assert.IsType<ReadOutcome.Unavailable>(await fresh.ReadAsync(default));
                Assert.IsType<ChangeOutcome.Unavailable>(await fresh.TryChangeAsync(1, PostgresRegister.Bytes("never"), default));

                // This one holds a ballot, so its value may have reached the third server: not known is what it has to say.
                Assert.IsType<ChangeOutcome.Unknown>(await client.TryChangeAsync(1, PostgresRegister.Bytes("perhaps"), default));
            });
        await HappenedOnceOrNever(register);
    }

    [Fact]
    public async Task A_server_that_stands_still_costs_its_time_limit_once_and_stops_nothing()
    {
        await using var register = await PostgresRegister.Found("paused", Servers);
        using var client = register.Client();
        var version = await PostgresRegister.Change(client, 0, "before");
        await During(Servers[2].Pause, Servers[2].Resume, async () =>
        {
            for (var i = 0; i < 40; i++)
            {
                version = await PostgresRegister.Change(client, version, $"change {i}");
            }

            using var fresh = register.Client();
            Assert.Equal((41, "change 39"), await PostgresRegister.Read(fresh));
        });

        // What the server was asked while it stood still, it does now; none of it may count.
        Assert.Equal((41, "change 39"), await PostgresRegister.Read(client));
        Assert.Equal(42, await PostgresRegister.Change(client, version, "after"));
        Assert.Empty(register.Alarms);
    }

    [Fact]
    public async Task A_change_that_two_paused_servers_may_yet_make_is_unknown_and_happens_at_most_once()
    {
        await using var register = await PostgresRegister.Found("two-paused", Servers);
        using var client = register.Client(PostgresRegister.Options with { RoundsMax = 2 });
        await PostgresRegister.Change(client, 0, "before");
        await During(
            () => { Servers[0].Pause(); Servers[1].Pause(); },
            () => { Servers[0].Resume(); Servers[1].Resume(); },
            async () =>
                Assert.IsType<ChangeOutcome.Unknown>(await client.TryChangeAsync(1, PostgresRegister.Bytes("perhaps"), default)));
        await HappenedOnceOrNever(register);
    }

    [Fact]
    public async Task A_server_restored_from_an_old_backup_is_refused_until_it_is_readmitted()
    {
        await using var register = await PostgresRegister.Found("restored", Servers);
        using var client = register.Client();
        var version = await PostgresRegister.Change(client, 0, "in the backup");
        Servers[0].Stop();
        var backup = Servers[0].BackUp();
        Servers[0].Launch();
        version = await ChangeFiveTimes(register, version);
        Servers[0].Kill();
        Servers[0].Restore(backup);
        Servers[0].Launch();

        // A process that knows nothing of the past finds out from the others.
        using var fresh = register.Client();
        Assert.Equal((6, "lost 4"), await PostgresRegister.Read(fresh));
        Assert.Equal(7, await PostgresRegister.Change(fresh, version, "after"));
        Assert.All(register.Alarms, alarm => Assert.StartsWith("a ", alarm, StringComparison.Ordinal));
        Assert.StartsWith("a Regressed: is at write", register.Alarms[0], StringComparison.Ordinal);
        output.WriteLine(register.Alarms[0]);
        Assert.Equal(RefusalKind.Quarantined, Assert.IsType<AcceptorReply.Refused>(await register.Inspect(0)).Kind);

        // It is not counted: with another one away there is no majority.
        await During(Servers[1].Kill, Servers[1].Launch, async () =>
        {
            using var other = register.Client(PostgresRegister.Options with { RoundsMax = 2 });
            Assert.IsType<ReadOutcome.Unavailable>(await other.ReadAsync(default));
            Assert.IsType<SeatingOutcome.Declined>(await register.Readmit("a"));
        });

        Assert.Equal(new SeatingOutcome.Seated(true), await register.Readmit("a"));
        await During(Servers[1].Kill, Servers[1].Launch, async () =>
        {
            Assert.Equal((7, "after"), await PostgresRegister.Read(fresh));
            Assert.Equal(8, await PostgresRegister.Change(fresh, 7, "with a again"));
        });
    }

    [Fact]
    public async Task A_restored_server_is_found_out_although_only_one_other_knows_better()
    {
        await using var register = await PostgresRegister.Found("one-witness", Servers);
        using var client = register.Client();
        var version = await PostgresRegister.Change(client, 0, "in the backup");
        Servers[0].Stop();
        var backup = Servers[0].BackUp();
        Servers[0].Launch();
        Servers[2].Kill();
        version = await ChangeFiveTimes(register, version);
        Servers[0].Kill();
        Servers[0].Restore(backup);
        Servers[0].Launch();
        Servers[2].Launch();
        for (var i = 0; i < 5; i++)
        {
            using var fresh = register.Client();
            Assert.Equal((6, "lost 4"), await PostgresRegister.Read(fresh));
        }

        Assert.Contains(register.Alarms, alarm => alarm.StartsWith("a Regressed", StringComparison.Ordinal));
        Assert.Equal(new SeatingOutcome.Seated(true), await register.Readmit("a"));
    }

    [Fact]
    public async Task A_restored_server_that_nobody_has_met_yet_can_be_readmitted_at_once()
    {
        await using var register = await PostgresRegister.Found("unmet", Servers);
        Servers[1].Stop();
        var backup = Servers[1].BackUp();
        Servers[1].Launch();
        await ChangeFiveTimes(register, 0);
        Servers[1].Kill();
        Servers[1].Restore(backup);
        Servers[1].Launch();
        Assert.Equal(new SeatingOutcome.Seated(true), await register.Readmit("b"));
        Assert.Equal(new SeatingOutcome.Seated(false), await register.Readmit("b"));
        Assert.Equal(5, await register.Scalar<long>(1, "SELECT version FROM geo_membership_register WHERE register = $register"));
        using var fresh = register.Client();
        Assert.Equal((5, "lost 4"), await PostgresRegister.Read(fresh));
        Assert.Empty(register.Alarms);
    }

    [Fact]
    public async Task A_cancelled_call_answers_at_once()
    {
        await using var register = await PostgresRegister.Found("cancelled", Servers);
        using var client = register.Client(PostgresRegister.Options with { AcceptorTimeout = TimeSpan.FromMinutes(10) });
        await PostgresRegister.Change(client, 0, "before");
        await During(
            () => { Servers[0].Pause(); Servers[1].Pause(); },
            () => { Servers[0].Resume(); Servers[1].Resume(); },
            async () =>
            {
                using var cancel = new CancellationTokenSource();
                var change = client.TryChangeAsync(1, PostgresRegister.Bytes("perhaps"), cancel.Token);
                var behind = client.ReadAsync(cancel.Token);
                await cancel.CancelAsync();
                Assert.IsType<ChangeOutcome.Unknown>(await change);
                Assert.IsType<ReadOutcome.Unavailable>(await behind);
            });
    }

    [Fact(Explicit = true)]
    public async Task Figures()
    {
        await using var register = await PostgresRegister.Found("figures", Servers);
        using var client = register.Client();
        var version = 0L;
        foreach (var size in new[] { 100, 4_000, 40_000 })
        {
            var text = new string('x', size);
            version = await PostgresRegister.Change(client, version, text);
            var changes = await PerSecond(400, async () => version = await PostgresRegister.Change(client, version, text));
            var reads = await PerSecond(400, async () => await PostgresRegister.Read(client));
            var others = new[] { register.Client(), register.Client() };
            var turns = await PerSecond(200, async () =>
            {
                version = await PostgresRegister.Change(others[version % 2], version, text);
            });
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{size} bytes: {changes:F0} changes/s of one holder, {turns:F0} changes/s of two in turns, {reads:F0} reads/s"));
        }
    }

    private static async Task HappenedOnceOrNever(PostgresRegister register)
    {
        using var client = register.Client();
        var (version, text) = await PostgresRegister.Read(client);
        Assert.Contains((version, text), new[] { (1L, "before"), (2L, "perhaps") });
        Assert.Equal(version + 1, await PostgresRegister.Change(client, version, "after"));
    }

    // Each by a process that knows nothing yet, and so waits for every server that answers.
    private static async Task<long> ChangeFiveTimes(PostgresRegister register, long version)
    {
        for (var i = 0; i < 5; i++)
        {
            using var client = register.Client();
            version = await PostgresRegister.Change(client, version, $"lost {i}");
        }

        return version;
    }

    private static async Task<double> PerSecond(int times, Func<Task> act)
    {
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < times; i++)
        {
            await act();
        }

        return times / watch.Elapsed.TotalSeconds;
    }

    private static async Task During(Action begin, Action end, Func<Task> act)
    {
        begin();
        try
        {
            await act();
        }
        finally
        {
            end();
        }
    }
}
