using System.Collections.Immutable;
using OrleansGeo.Membership;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation;

namespace OrleansGeo.Tests.Membership.Simulated;

/// <summary>
/// Three databases in virtual time and the lines to them: requests and answers are late, lost, doubled and overtake each other; databases
/// stop, start, and are restored from backups. What a database did before it stopped, it still knows.
/// </summary>
internal sealed class SimAcceptors
{
    private readonly SimWorld _world;
    private readonly Prng _prng;
    private readonly HashSet<(int Client, int Acceptor)> _cuts = [];

    public SimAcceptors(SimWorld world)
    {
        _world = world;
        _prng = world.Prng.Fork(11);
        Set = AcceptorIdentity.SetOf("members", ["ap", "eu", "us"]);
        States = [.. Set.Select(AcceptorState? (identity) => AcceptorState.New(identity))];
        Lives = [.. Set.Select(_ => 1L)];
        IsUp = [.. Set.Select(_ => true)];
    }

    public ImmutableArray<AcceptorIdentity> Set { get; }

    public AcceptorState?[] States { get; }

    public long[] Lives { get; }

    public bool[] IsUp { get; }

    public double Loss { get; set; }

    public double Doubling { get; set; }

    public long DelayMicrosMax { get; set; } = 40_000;

    /// <summary>Added to every way to or from this acceptor.</summary>
    public long[] FurtherMicros { get; } = new long[3];

    public long Requests { get; private set; }

    public IReadOnlyList<IAcceptor> LinesOf(int client, SimProcess process) =>
        [.. Set.Select((identity, i) => new Line(this, client, i, identity, process))];

    public void Stop(int acceptor) => IsUp[acceptor] = false;

    public void Start(int acceptor)
    {
        Lives[acceptor] += IsUp[acceptor] ? 0 : 1;
        IsUp[acceptor] = true;
    }

    public void Restore(int acceptor, AcceptorState? backup)
    {
        Invariant.Holds(!IsUp[acceptor]);
        States[acceptor] = backup;
    }

    public void Cut(int client, int acceptor) => _cuts.Add((client, acceptor));

    public void HealAll()
    {
        _cuts.Clear();
        Loss = 0;
        for (var i = 0; i < IsUp.Length; i++)
        {
            Start(i);
        }
    }

    private void Carry(int client, int acceptor, string label, Action arrive)
    {
        var times = _prng.Chance(Loss) ? 0 : _prng.Chance(Doubling) ? 2 : 1;
        for (var i = 0; i < times; i++)
        {
            _world.After(FurtherMicros[acceptor] + _prng.Between(200, DelayMicrosMax), label, () =>
            {
                if (!_cuts.Contains((client, acceptor)))
                {
                    arrive();
                }
            });
        }
    }

    private void Arrive(int acceptor, AcceptorRequest request, Action<AcceptorReply> answer)
    {
        if (!IsUp[acceptor])
        {
            return;
        }

        Requests++;
        var (state, reply) = Acceptor.Handle(States[acceptor], Set[acceptor], request, Lives[acceptor]);
        States[acceptor] = state;
        _world.Trace((ulong)(state?.Writes ?? 0));
        answer(reply);
    }

    private sealed class Line(SimAcceptors all, int client, int acceptor, AcceptorIdentity identity, SimProcess process) : IAcceptor
    {
        public AcceptorIdentity Identity => identity;

        public Task<AcceptorReply> AskAsync(AcceptorRequest request, CancellationToken cancellation)
        {
            var answer = new TaskCompletionSource<AcceptorReply>();
            cancellation.Register(() => answer.TrySetCanceled(cancellation));
            all.Carry(client, acceptor, "request", () => all.Arrive(acceptor, request, reply =>
                all.Carry(client, acceptor, "answer", () => process.Scheduler.Post(_ => answer.TrySetResult(reply), null))));
            return answer.Task;
        }

        public Task<bool> SeatAsync(AcceptorState state, CancellationToken cancellation)
        {
            if (!all.IsUp[acceptor] || (all.States[acceptor] is { Refusal: null }))
            {
                return Task.FromResult(false);
            }

            all.States[acceptor] = state;
            return Task.FromResult(true);
        }
    }
}
