using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;

namespace OrleansGeo.Engine;

/// <summary>
/// What one turn of a node collects from all its replicas: one batch for storage, answers to give once the batch can be read, and what to
/// do once it is durable. One write and one sync serve all ranges (group commit).
/// </summary>
internal sealed class NodeTurn(Node node)
{
    private readonly Stack<List<LogEntry>> _rented = [];
    private readonly List<(RangeReplica Replica, LatchedRequest Request, RangeOutcome Outcome)> _answers = [];
    private readonly List<(Caller Caller, RangeOutcome Outcome)> _replies = [];
    private readonly List<RangeReplica> _serving = [];
    private readonly List<(HlcTimestamp Timestamp, (Key Key, byte[]? Value)[] Operations)> _systemChanges = [];

    public WriteBatch Batch { get; } = new();

    /// <summary>For values.</summary>
    public CodecWriter Buffer { get; } = new(1024);

    /// <summary>For storage keys.</summary>
    public CodecWriter Key { get; } = new();

    /// <summary>For what is applied.</summary>
    public TransactCommand Command { get; } = new();

    /// <summary>Set when a snapshot of the system range was installed: single changes no longer tell what it holds.</summary>
    public bool ReloadsSystem { get; set; }

    /// <summary>What waits for the next sync.</summary>
    public SyncWork Sync { get; private set; } = new();

    public bool IsEmpty => Batch.IsEmpty && _answers.Count == 0 && _replies.Count == 0 && _systemChanges.Count == 0 && _serving.Count == 0;

    public void Send(List<Message> messages)
    {
        foreach (var message in messages)
        {
            node.Post(message);
        }
    }

    public void SendAfterSync(List<Message> messages)
    {
        if (messages.Count > 0)
        {
            Sync.Messages.AddRange(messages);
            Sync.IsNeeded = true;
        }
    }

    public void PersistedAfterSync(RangeReplica replica, Term term, LogIndex index)
    {
        Sync.Persisted.Add((replica, term, index));
        Sync.IsNeeded = true;
    }

    public void NeedsSync() => Sync.IsNeeded = true;

    public void AfterWrite(RangeReplica replica, LatchedRequest request, RangeOutcome outcome) => _answers.Add((replica, request, outcome));

    public void AfterWrite(Caller caller, RangeOutcome outcome) => _replies.Add((caller, outcome));

    public void ServeAfterwards(RangeReplica replica) => _serving.Add(replica);

    public void SystemChanges(HlcTimestamp timestamp, (Key Key, byte[]? Value)[] operations) => _systemChanges.Add((timestamp, operations));

    /// <summary>A copy of a list that is about to be cleared, in memory that is used again.</summary>
    public List<LogEntry> Rent(List<LogEntry> entries)
    {
        var list = _rented.Count > 0 ? _rented.Pop() : [];
        list.AddRange(entries);
        return list;
    }

    public void Return(List<LogEntry> entries)
    {
        entries.Clear();
        _rented.Push(entries);
    }

    /// <summary>Writes the batch and gives the answers that waited for it.</summary>
    public void Complete()
    {
        WriteBatch();
        if (ReloadsSystem)
        {
            ReloadsSystem = false;
            node.LoadSystemView();
        }
        else
        {
            node.ApplySystemChanges(_systemChanges);
        }

        _systemChanges.Clear();

        // Ranges that came to life by what was just applied.
        WriteBatch();
        for (var i = 0; i < _answers.Count; i++)
        {
            var (replica, request, outcome) = _answers[i];
            replica.Answer(request, outcome);
        }

        _answers.Clear();
        foreach (var (caller, outcome) in _replies)
        {
            node.Reply(caller, outcome);
        }

        _replies.Clear();
        for (var i = 0; i < _serving.Count; i++)
        {
            _serving[i].ServeAfterTurn();
        }

        _serving.Clear();
    }

    private void WriteBatch()
    {
        if (!Batch.IsEmpty)
        {
            node.Counters.StorageBytesWritten += Batch.Bytes;
            node.Storage.Write(Batch);
            Batch.Clear();
        }
    }

    /// <summary>Hands over what waits for a sync and begins to collect for the next.</summary>
    public SyncWork TakeSync(SyncWork next)
    {
        var work = Sync;
        Sync = next;
        return work;
    }
}

/// <summary>What is done once everything written so far is durable.</summary>
internal sealed class SyncWork
{
    public bool IsNeeded { get; set; }

    public List<Message> Messages { get; } = [];

    public List<LivenessMessage> Liveness { get; } = [];

    public List<(RangeReplica Replica, Term Term, LogIndex Index)> Persisted { get; } = [];

    public List<long> LivenessTokens { get; } = [];

    public List<(RangeReplica Replica, HlcTimestamp ServedBelow)> Births { get; } = [];

    public void Clear()
    {
        IsNeeded = false;
        Messages.Clear();
        Liveness.Clear();
        Persisted.Clear();
        LivenessTokens.Clear();
        Births.Clear();
    }
}
