using System.Collections.Concurrent;
using System.Collections.Immutable;
using OrleansGeo.Clustering;
using OrleansGeo.Membership;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>Three databases in memory. One that is stopped throws, as one that refuses connections does.</summary>
internal sealed class MemoryDatabases : IMembershipDatabases
{
    public static readonly ImmutableArray<string> Names = ["ap", "eu", "us"];

    private readonly Database[] _databases = [.. Names.Select(_ => new Database())];

    public MajorityClusteringOptions Options { get; } = new()
    {
        Databases = { new("ap", "Host=ap"), new("eu", "Host=eu"), new("us", "Host=us") },
        CallTimeout = TimeSpan.FromMinutes(1),
        Register = new()
        {
            AcceptorTimeout = TimeSpan.FromMinutes(1),
            RoundsMax = 60,
            RetryPause = TimeSpan.FromMilliseconds(1),
            RetryPauseMax = TimeSpan.FromMilliseconds(8),
        },
    };

    public bool AreInMemory => true;

    public IReadOnlyList<IAcceptor> Connect(string clusterId) =>
        [.. AcceptorIdentity.SetOf(clusterId, Names).Select((identity, i) => new Line(_databases[i], identity))];

    public Task PrepareAsync(string clusterId) => Task.CompletedTask;

    public void Stop(int database) => _databases[database].IsUp = false;

    /// <summary>It stands still: what it is asked gets no answer.</summary>
    public void Pause(int database) => _databases[database].IsPaused = true;

    public void Start(int database) => _databases[database].Start();

    public Action BackUp(int database)
    {
        var copy = _databases[database].States.ToArray();
        return () =>
        {
            _databases[database].States.Clear();
            foreach (var (register, state) in copy)
            {
                _databases[database].States[register] = state;
            }
        };
    }

    private sealed class Database
    {
        public Lock Lock { get; } = new();

        public ConcurrentDictionary<string, AcceptorState> States { get; } = new(StringComparer.Ordinal);

        public bool IsUp { get; set; } = true;

        public bool IsPaused { get; set; }

        public long Life { get; private set; } = 1;

        public void Start()
        {
            lock (Lock)
            {
                Life += IsUp ? 0 : 1;
                IsUp = true;
                IsPaused = false;
            }
        }
    }

    private sealed class Line(Database database, AcceptorIdentity identity) : IAcceptor
    {
        public AcceptorIdentity Identity => identity;

        public async Task<AcceptorReply> AskAsync(AcceptorRequest request, CancellationToken cancellation)
        {
            await Task.Yield();
            if (database.IsPaused)
            {
                await Task.Delay(Timeout.Infinite, cancellation);
            }

            lock (database.Lock)
            {
                CheckUp();
                var before = database.States.GetValueOrDefault(identity.Register);
                var (after, reply) = Acceptor.Handle(before, identity, request, database.Life);
                if (after is not null)
                {
                    database.States[identity.Register] = after;
                }

                return reply;
            }
        }

        public async Task<bool> SeatAsync(AcceptorState state, CancellationToken cancellation)
        {
            await Task.Yield();
            lock (database.Lock)
            {
                CheckUp();
                if (database.States.TryGetValue(identity.Register, out var there) && there.Refusal is null)
                {
                    return false;
                }

                database.States[identity.Register] = state;
                return true;
            }
        }

        private void CheckUp()
        {
            if (!database.IsUp)
            {
                throw new IOException("connection refused");
            }
        }
    }
}
