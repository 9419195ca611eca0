using System.Globalization;
using System.Text;
using OrleansGeo.Membership;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation;
using OrleansGeo.Simulation.Checkers;

namespace OrleansGeo.Tests.Membership.Simulated;

/// <summary>What one seed came to.</summary>
internal sealed record RegisterRunResult(ulong Seed, string? Failure, int Answered, int Unknown, ulong Digest);

/// <summary>
/// Several clients of one register under drawn trouble. Afterwards everything heals, every client has to get an answer, and what all of
/// them were told has to be what one register could have said.
/// </summary>
internal sealed class RegisterRun
{
    private const int Clients = 4;
    private const string Key = "register";
    private const long TroubleMicros = 4_000_000;
    private const long EndMicros = 60_000_000;

    private readonly SimWorld _world;
    private readonly SimAcceptors _acceptors;
    private readonly Prng _prng;
    private readonly History _history = new();
    private readonly SimMachine[] _machines;
    private readonly List<string> _alarms = [];
    private readonly bool _restores;
    private int _finished;
    private (int Acceptor, long Lost)? _restored;

    private RegisterRun(ulong seed, bool restores)
    {
        _restores = restores;
        _world = new(seed);
        _acceptors = new(_world);
        _prng = _world.Prng.Fork(7);
        _machines = [.. Enumerable.Range(1, Clients).Select(id => new SimMachine(_world, new(id)))];
    }

    /// <summary>Runs one seed. With restores, the trouble is one acceptor that stops and comes back with an older record.</summary>
    public static RegisterRunResult Run(ulong seed, string? bug, bool restores)
    {
        Plant(bug);
        var run = new RegisterRun(seed, restores);
        string? failure;
        try
        {
            failure = run.Go();
        }
        catch (Exception e) when (e is SimFailureException or InvariantViolationException)
        {
            failure = e.Message;
        }
        finally
        {
            Plant(null);
        }

        var operations = run._history.Operations;
        return new(
            seed,
            failure is null ? null : $"seed {seed}{(restores ? " with restores" : "")}: {failure}",
            operations.Count(operation => operation.Outcome == OperationOutcome.Ok),
            operations.Count(operation => operation.Outcome == OperationOutcome.Unknown),
            run._world.Digest);
    }

    private static void Plant(string? bug)
    {
#if PLANTED_BUGS
        PlantedBug.Active = bug;
#else
        Xunit.Assert.SkipWhen(bug is not null, "planted bugs exist in test builds only");
#endif
    }

    private string? Go()
    {
        _acceptors.Loss = _prng.Chance(0.5) ? 0.05 : 0;
        _acceptors.Doubling = _prng.Chance(0.5) ? 0.1 : 0;
        _acceptors.DelayMicrosMax = _prng.Chance(0.5) ? 5_000 : 60_000;
        for (var client = 0; client < Clients; client++)
        {
            Boot(client);
        }

        if (_restores)
        {
            DrawRestore();
        }
        else
        {
            DrawTrouble();
        }

        _world.At(TroubleMicros, "heal", _ => _acceptors.HealAll(), null);
        if (!_world.RunUntil(() => _finished == Clients, EndMicros))
        {
            return "a client got no answer although all acceptors were back";
        }

        return Judge();
    }

    private string? Judge()
    {
        var verdict = LinearizabilityChecker.Check(_history);
        if (!verdict.IsGood)
        {
            return $"{verdict}\n    {string.Join("\n    ", _history.Operations)}";
        }

        if (!_restores)
        {
            return _alarms.Count > 0 ? $"an acceptor that forgot nothing was refused: {_alarms[0]}" : null;
        }

        // The last few writes of an acceptor may be known to nobody else; they are then written once more by the next round.
        return _restored is { Lost: > 6 } restored && _acceptors.States[restored.Acceptor] is { Refusal: null }
            ? $"an acceptor lost {restored.Lost} writes and takes part as if nothing had been"
            : null;
    }

    private void DrawTrouble()
    {
        for (var at = _prng.Between(100_000, 500_000); at < TroubleMicros; at += _prng.Between(20_000, 500_000))
        {
            var acceptor = _prng.Below(3);
            var client = _prng.Below(Clients);
            var lasts = _prng.Between(5_000, 600_000);
            switch (_prng.Below(5))
            {
                case 0 or 1:
                    _world.At(at, "stop", _ => _acceptors.Stop(acceptor), null);
                    _world.At(at + lasts, "start", _ => _acceptors.Start(acceptor), null);
                    break;
                case 2:
                    _world.At(at, "pause", _ => _machines[client].Process?.Scheduler.Pause(lasts), null);
                    break;
                case 3:
                    _world.At(at, "cut", _ => _acceptors.Cut(client, acceptor), null);
                    break;
                default:
                    _world.At(at, "crash", _ => Reboot(client), null);
                    break;
            }
        }
    }

    private void DrawRestore()
    {
        var acceptor = _prng.Below(3);
        AcceptorState? backup = null;
        var taken = _prng.Between(0, 2_000_000);
        var stopped = taken + _prng.Between(50_000, 1_000_000);
        var restored = stopped + _prng.Between(1_000, 300_000);
        _world.At(taken, "backup", _ => backup = _acceptors.States[acceptor], null);
        _world.At(stopped, "stop", _ => _acceptors.Stop(acceptor), null);
        if (_prng.Chance(0.5))
        {
            LeaveOneWitness(acceptor, taken, restored);
        }

        _world.At(restored, "restore", _ =>
        {
            _restored = (acceptor, _acceptors.States[acceptor]!.Writes - backup!.Writes);
            _acceptors.Restore(acceptor, backup);
            _acceptors.Start(acceptor);
        }, null);
        if (_prng.Chance(0.7))
        {
            for (var client = 0; client < Clients; client++)
            {
                var who = client;
                _world.At(stopped + _prng.Between(0, 300_000), "crash", _ => Reboot(who), null);
            }
        }
    }

    // Of the two others, one misses all that happens from the backup on, and the one that knows answers last.
    private void LeaveOneWitness(int acceptor, long taken, long restored)
    {
        var (missing, witness) = _prng.Chance(0.5) ? ((acceptor + 1) % 3, (acceptor + 2) % 3) : ((acceptor + 2) % 3, (acceptor + 1) % 3);
        _acceptors.Loss = 0;
        _acceptors.DelayMicrosMax = 5_000;
        _acceptors.FurtherMicros[witness] = 40_000;
        _world.At(taken, "stop", _ => _acceptors.Stop(missing), null);
        _world.At(restored, "start", _ => _acceptors.Start(missing), null);
    }

    private void Reboot(int client)
    {
        if (_machines[client].Process is not null && _finished == 0)
        {
            _machines[client].Crash();
            Boot(client);
        }
    }

    private void Boot(int client)
    {
        var process = _machines[client].Boot();
        var prng = _prng.Fork((ulong)client);
        _ = Task.Factory.StartNew(
            async () => await Work(client, process, prng), CancellationToken.None, TaskCreationOptions.DenyChildAttach, process.Scheduler);
    }

    private async Task Work(int client, SimProcess process, Prng prng)
    {
        var options = new RegisterOptions
        {
            AcceptorTimeout = TimeSpan.FromMilliseconds(150),
            RoundsMax = 5,
            RetryPause = TimeSpan.FromMilliseconds(10),
            RetryPauseMax = TimeSpan.FromMilliseconds(100),
        };
        using var register = new RegisterClient(
            _acceptors.LinesOf(client, process), options, process.Time, prng.Fork(1),
            (name, kind, why) => _alarms.Add($"{name}: {kind}: {why}"));
        var version = 0L;
        for (var i = 0; _world.NowMicros < TroubleMicros + 500_000; i++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(prng.Between(0, 150)), process.Time);
            if (prng.Chance(0.4))
            {
                version = await Read(client, register) ?? version;
            }
            else
            {
                var value = string.Create(CultureInfo.InvariantCulture, $"{client}/{_machines[client].Lives}/{i}");
                version = await Change(client, register, version, value) ?? version;
            }
        }

        while (await Read(client, register) is null)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), process.Time);
        }

        _finished++;
    }

    private async Task<long?> Read(int client, RegisterClient register)
    {
        var id = _history.Read(client, Key, _world.NowMicros);
        if (await register.ReadAsync(CancellationToken.None) is not ReadOutcome.Found found)
        {
            _history.Failed(id, _world.NowMicros);
            return null;
        }

        _history.Found(
            id,
            found.Version == 0 ? null : Encoding.UTF8.GetString(found.Bytes.Span),
            _world.NowMicros,
            found.Version == 0 ? null : VersionOf(found.Version));
        return found.Version;
    }

    private async Task<long?> Change(int client, RegisterClient register, long expected, string value)
    {
        var id = expected == 0
            ? _history.Insert(client, Key, value, _world.NowMicros)
            : _history.CompareAndSet(client, Key, VersionOf(expected), value, _world.NowMicros);
        switch (await register.TryChangeAsync(expected, Encoding.UTF8.GetBytes(value), CancellationToken.None))
        {
            case ChangeOutcome.Changed changed:
                _history.Done(id, _world.NowMicros, VersionOf(changed.Version));
                return changed.Version;
            case ChangeOutcome.Conflict conflict:
                _history.Refused(id, _world.NowMicros);
                return conflict.Version;
            case ChangeOutcome.Unavailable:
                _history.Failed(id, _world.NowMicros);
                return null;
            default:
                _history.Unknown(id, _world.NowMicros);
                return null;
        }
    }

    private static HlcTimestamp VersionOf(long version) => new((ulong)version);
}
