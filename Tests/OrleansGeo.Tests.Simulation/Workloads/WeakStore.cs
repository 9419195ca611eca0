using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;
using OrleansGeo.Simulation.Workloads;

namespace OrleansGeo.Tests.Simulation.Workloads;

/// <summary>How well a <see cref="WeakStore"/> keeps transactions apart.</summary>
public enum Isolation
{
    /// <summary>A commit checks that everything that was read, spans too, is still so.</summary>
    Strict,

    /// <summary>Reads see what is committed at that moment, and a commit checks nothing.</summary>
    ReadCommitted,

    /// <summary>Reads see one moment, and a commit checks only the keys that it writes.</summary>
    Snapshot,

    /// <summary>The same, but what a client of the other half committed is seen later than what its own half did.</summary>
    TwoHalves,

    /// <summary>Strict, but transactions that only read see a moment that may be over.</summary>
    StaleReads,

    /// <summary>Serializable by clocks that are apart: a read sees what was there when it began, and what has lower versions.</summary>
    SkewedClocks,
}

/// <summary>
/// A store in memory with a choice of mistakes. Every step of a session waits for its turn, so that transactions mix as it is drawn.
/// </summary>
internal sealed class WeakStore(Isolation isolation, Turns turns, Prng prng) : ITransactionClient
{
    private const int HalfLagCommits = 6;
    private const int StaleCommitsMax = 6;
    private const int SkewTicks = 40;
    private readonly SortedDictionary<string, List<Version>> _versions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _readUpTo = new(StringComparer.Ordinal);
    private int _commits;
    private int _clients;
    private long _ticks;
    private long _newest;

    /// <summary>Whether now and then a commit is not answered, made or not.</summary>
    public bool LosesAnswers { get; set; }

    public async Task<TransactionEnd> RunAsync(
        AbstractTransaction transaction, Action<IReadOnlyList<MicroOperation>> about, CancellationToken cancellation)
    {
        await turns.NextAsync();
        return await SessionRun.RunAsync(new Session(this, transaction.IsReadOnly, _clients++ % 2), transaction, about, cancellation);
    }

    private sealed record Version(int Commit, long Tick, int Half, string Value);

    private sealed class Session : ITransactionSession
    {
        private readonly WeakStore _store;
        private readonly int _half;
        private readonly int _moment;
        private readonly long _tick;
        private readonly Dictionary<string, string> _writes = new(StringComparer.Ordinal);
        private readonly Dictionary<string, Version?> _reads = new(StringComparer.Ordinal);
        private readonly List<(string From, string To)> _spans = [];

        public Session(WeakStore store, bool isReadOnly, int half)
        {
            (_store, _half) = (store, half);
            var age = store.Kind == Isolation.StaleReads && isReadOnly ? store.Draw(StaleCommitsMax) : 0;
            _moment = store._commits - age;
            _tick = Math.Max(++store._ticks, store._newest);
        }

        private bool SeesLatest => _store.Kind is Isolation.ReadCommitted or Isolation.Strict
            || (_store.Kind == Isolation.StaleReads && _moment == _store._commits);

        public async Task<SessionRow?> ReadAsync(string key, CancellationToken cancellation)
        {
            await _store.Turn();
            return Read(key);
        }

        public async Task<IReadOnlyList<SessionRow>?> ScanAsync(string from, string to, CancellationToken cancellation)
        {
            await _store.Turn();
            _spans.Add((from, to));
            var keys = _store._versions.Keys.Concat(_writes.Keys).Where(key => IsIn(key, from, to)).Distinct();
            return [.. keys.Order(StringComparer.Ordinal).Select(Read).Where(row => row.Value is not null)];
        }

        public async Task<bool> WriteAsync(string key, string value, CancellationToken cancellation)
        {
            await _store.Turn();
            _writes[key] = value;
            return true;
        }

        public async Task<(TransactionOutcome Outcome, HlcTimestamp? Version)> CommitAsync(CancellationToken cancellation)
        {
            await _store.Turn();
            if (!MayCommit())
            {
                return (TransactionOutcome.Aborted, null);
            }

            var isLost = _store.LosesAnswers && _store.Draw(20) == 0;
            if (_writes.Count == 0 || (isLost && _store.Draw(2) == 0))
            {
                return (isLost ? TransactionOutcome.Unknown : TransactionOutcome.Committed, null);
            }

            var tick = _store.TickFor(_writes.Keys, _half);
            var version = new Version(++_store._commits, tick, _half, "");
            foreach (var (key, value) in _writes)
            {
                _store.VersionsOf(key).Add(version with { Value = value });
            }

            return isLost ? (TransactionOutcome.Unknown, null) : (TransactionOutcome.Committed, VersionOf(version));
        }

        public Task RollbackAsync(CancellationToken cancellation) => _store.Turn();

        private static bool IsIn(string key, string from, string to) =>
            string.CompareOrdinal(from, key) <= 0 && string.CompareOrdinal(key, to) < 0;

        private SessionRow Read(string key)
        {
            if (_writes.TryGetValue(key, out var own))
            {
                return new(key, own);
            }

            if (_store.Kind == Isolation.ReadCommitted || !_reads.TryGetValue(key, out var version))
            {
                version = _store.VersionsOf(key).FindLast(IsSeen);
                _reads[key] = version;
                _store._readUpTo[key] = Math.Max(_store._readUpTo.GetValueOrDefault(key), _tick);
            }

            return new(key, version?.Value, version is null ? null : VersionOf(version));
        }

        private HlcTimestamp VersionOf(Version version) =>
            new((ulong)(_store.Kind == Isolation.SkewedClocks ? version.Tick : version.Commit));

        private bool IsSeen(Version version) => _store.Kind switch
        {
            Isolation.TwoHalves => version.Commit <= (version.Half == _half ? _moment : _moment - HalfLagCommits),
            Isolation.SkewedClocks => version.Tick <= _tick,
            _ => SeesLatest || version.Commit <= _moment,
        };

        private bool MayCommit() => _store.Kind switch
        {
            Isolation.ReadCommitted => true,
            Isolation.Snapshot or Isolation.TwoHalves => _writes.Keys.All(key => Newest(key) is not { } newest || IsSeen(newest)),
            Isolation.SkewedClocks => _writes.Count == 0 || IsUnchanged(),
            _ => (_store.Kind == Isolation.StaleReads && _writes.Count == 0) || IsUnchanged(),
        };

        private bool IsUnchanged() =>
            _reads.All(read => Newest(read.Key) == read.Value)
            && _spans.TrueForAll(span => _store._versions.Where(row => row.Value.Count > 0 && IsIn(row.Key, span.From, span.To))
                .All(row => _reads.ContainsKey(row.Key) || _writes.ContainsKey(row.Key)));

        private Version? Newest(string key) => _store.VersionsOf(key).LastOrDefault();
    }

    private Isolation Kind => isolation;

    private int Draw(int bound) => prng.Below(bound);

    private Task Turn() => turns.NextAsync();

    private List<Version> VersionsOf(string key) => _versions.TryGetValue(key, out var list) ? list : _versions[key] = [];

    // Above every version and every read of the keys; the clocks of one half are ahead.
    private long TickFor(IEnumerable<string> keys, int half)
    {
        var tick = ++_ticks + (half * SkewTicks);
        foreach (var key in keys)
        {
            tick = Math.Max(tick, Math.Max(_readUpTo.GetValueOrDefault(key), VersionsOf(key).LastOrDefault()?.Tick ?? 0) + 1);
        }

        _newest = Math.Max(_newest, tick);
        return tick;
    }
}

/// <summary>Lets one of those who wait go on, drawn anew each time, until nobody waits.</summary>
internal sealed class Turns(Prng prng)
{
    private readonly List<TaskCompletionSource> _waiting = [];

    public long Now { get; private set; }

    public Task NextAsync()
    {
        var turn = new TaskCompletionSource();
        _waiting.Add(turn);
        return turn.Task;
    }

    public void Run()
    {
        while (_waiting.Count > 0)
        {
            var at = prng.Below(_waiting.Count);
            var turn = _waiting[at];
            _waiting.RemoveAt(at);
            Now += 10;
            turn.SetResult();
        }
    }
}
