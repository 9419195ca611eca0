using System.Diagnostics;
using System.Globalization;
using System.Text;
using OrleansGeo.Membership;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using Xunit;

namespace OrleansGeo.Tests.Membership.Postgres;

/// <summary>Many proposers at once on real servers that die and come back: they were told what one register could have said.</summary>
[Collection(PostgresServers.Name)]
public sealed class PostgresHistoryTests(PostgresFixture fixture, ITestOutputHelper output) : IDisposable
{
    private const int Clients = 6;
    private const int Operations = 40;
    private const string Key = "register";

    private readonly History _history = new();
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly SemaphoreSlim _ended = new(0);

    private long NowMicros => _watch.ElapsedTicks * 1_000_000 / Stopwatch.Frequency;

    [Fact]
    public async Task Many_proposers_on_servers_that_die_see_one_register()
    {
        await using var register = await PostgresRegister.Found("history", fixture.Servers);
        var clients = Enumerable.Range(0, Clients).Select(client => Task.Run(() => Work(client, register))).ToList();
        for (var i = 0; i < 3; i++)
        {
            await Ended(Clients * Operations / 6);
            fixture.Servers[i].Kill();
            await Ended(12);
            fixture.Servers[i].Launch();
        }

        await Task.WhenAll(clients);
        var counts = _history.Operations.GroupBy(operation => operation.Outcome).Select(group => $"{group.Count()} {group.Key}");
        output.WriteLine(string.Join(", ", counts));
        var verdict = LinearizabilityChecker.Check(_history);
        Assert.True(verdict.IsGood, verdict.ToString());
        Assert.True(_history.Operations.Count(operation => operation.IsAcknowledgedWrite) > 20, "hardly any change was made");
        Assert.Empty(register.Alarms);
    }

    public void Dispose() => _ended.Dispose();

    private async Task Ended(int operations)
    {
        for (var i = 0; i < operations; i++)
        {
            await _ended.WaitAsync();
        }
    }

    private async Task Work(int client, PostgresRegister register)
    {
        using var own = register.Client(PostgresRegister.Options with { RoundsMax = 6 });
        var version = 0L;
        for (var i = 0; i < Operations; i++)
        {
            version = i % 2 == 0
                ? await Read(client, own) ?? version
                : await Change(client, own, version, string.Create(CultureInfo.InvariantCulture, $"{client}/{i}")) ?? version;
            _ended.Release();
        }
    }

    private async Task<long?> Read(int client, RegisterClient register)
    {
        var id = Locked(() => _history.Read(client, Key, NowMicros));
        var outcome = await register.ReadAsync(CancellationToken.None);
        return Locked<long?>(() =>
        {
            if (outcome is not ReadOutcome.Found found)
            {
                _history.Failed(id, NowMicros);
                return null;
            }

            var isEmpty = found.Version == 0;
            _history.Found(id, isEmpty ? null : Encoding.UTF8.GetString(found.Bytes.Span), NowMicros, isEmpty ? null : At(found.Version));
            return found.Version;
        });
    }

    private async Task<long?> Change(int client, RegisterClient register, long expected, string value)
    {
        var id = Locked(() => expected == 0
            ? _history.Insert(client, Key, value, NowMicros)
            : _history.CompareAndSet(client, Key, At(expected), value, NowMicros));
        var outcome = await register.TryChangeAsync(expected, Encoding.UTF8.GetBytes(value), CancellationToken.None);
        return Locked<long?>(() =>
        {
            switch (outcome)
            {
                case ChangeOutcome.Changed changed:
                    _history.Done(id, NowMicros, At(changed.Version));
                    return changed.Version;
                case ChangeOutcome.Conflict conflict:
                    _history.Refused(id, NowMicros);
                    return conflict.Version;
                case ChangeOutcome.Unavailable:
                    _history.Failed(id, NowMicros);
                    return null;
                default:
                    _history.Unknown(id, NowMicros);
                    return null;
            }
        });
    }

    private T Locked<T>(Func<T> act)
    {
        lock (_history)
        {
            return act();
        }
    }

    private static HlcTimestamp At(long version) => new((ulong)version);
}
