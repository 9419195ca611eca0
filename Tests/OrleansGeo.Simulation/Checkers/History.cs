using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers;

/// <summary>
/// What clients asked and what they were answered, in the order of invocation. An operation is unknown until its answer is recorded, so a
/// history that is cut short needs no closing. Used from one thread.
/// </summary>
public sealed class History
{
    private readonly List<Operation> _operations = [];

    /// <summary>Every operation, by id.</summary>
    public IReadOnlyList<Operation> Operations => _operations;

    /// <summary>The operations of each key, keys in ordinal order.</summary>
    public IEnumerable<IGrouping<string, Operation>> ByKey =>
        _operations.GroupBy(operation => operation.Key).OrderBy(group => group.Key, StringComparer.Ordinal);

    /// <summary>Notes that a client begins to read. The id is for the answer.</summary>
    public int Read(int client, string key, long nowMicros) => Begin(OperationKind.Read, client, key, null, nowMicros, null);

    /// <summary>Notes that a client begins to put.</summary>
    public int Put(int client, string key, string value, long nowMicros, string? requestId = null) =>
        Begin(OperationKind.Put, client, key, value, nowMicros, requestId);

    /// <summary>Notes that a client begins to insert where nothing is.</summary>
    public int Insert(int client, string key, string value, long nowMicros, string? requestId = null) =>
        Begin(OperationKind.Insert, client, key, value, nowMicros, requestId);

    /// <summary>Notes that a client begins to delete.</summary>
    public int Delete(int client, string key, long nowMicros, string? requestId = null) =>
        Begin(OperationKind.Delete, client, key, null, nowMicros, requestId);

    /// <summary>Notes that a client begins to replace an expected value.</summary>
    public int CompareAndSet(int client, string key, string expected, string value, long nowMicros, string? requestId = null)
    {
        var id = Begin(OperationKind.CompareAndSet, client, key, value, nowMicros, requestId);
        _operations[id] = _operations[id] with { ExpectedValue = expected };
        return id;
    }

    /// <summary>Notes that a client begins to replace an expected version.</summary>
    public int CompareAndSet(int client, string key, HlcTimestamp expected, string value, long nowMicros, string? requestId = null)
    {
        var id = Begin(OperationKind.CompareAndSet, client, key, value, nowMicros, requestId);
        _operations[id] = _operations[id] with { ExpectedVersion = expected };
        return id;
    }

    /// <summary>The read was answered with this value, or null for nothing.</summary>
    public void Found(int id, string? value, long nowMicros, HlcTimestamp? version = null)
    {
        Invariant.Holds(_operations[id].Kind == OperationKind.Read);
        Answer(id, nowMicros, operation => operation with { Outcome = OperationOutcome.Ok, Value = value, Version = version });
    }

    /// <summary>The write was acknowledged.</summary>
    public void Done(int id, long nowMicros, HlcTimestamp? version = null)
    {
        Invariant.Holds(_operations[id].Kind != OperationKind.Read);
        Answer(id, nowMicros, operation => operation with { Outcome = OperationOutcome.Ok, Applied = true, Version = version });
    }

    /// <summary>The delete was acknowledged without saying whether there was something to delete.</summary>
    public void DeletedBlindly(int id, long nowMicros)
    {
        Invariant.Holds(_operations[id].Kind == OperationKind.Delete);
        Answer(id, nowMicros, operation => operation with { Outcome = OperationOutcome.Ok });
    }

    /// <summary>The write was answered: its condition did not hold, or there was nothing to delete.</summary>
    public void Refused(int id, long nowMicros)
    {
        Invariant.Holds(_operations[id].Kind is OperationKind.CompareAndSet or OperationKind.Insert or OperationKind.Delete);
        Answer(id, nowMicros, operation => operation with { Outcome = OperationOutcome.Ok, Applied = false });
    }

    /// <summary>The operation certainly had no effect.</summary>
    public void Failed(int id, long nowMicros) => Answer(id, nowMicros, operation => operation with { Outcome = OperationOutcome.Failed });

    /// <summary>The client gave up and does not know.</summary>
    public void Unknown(int id, long nowMicros) =>
        Answer(id, nowMicros, operation => operation with { Outcome = OperationOutcome.Unknown });

    private int Begin(OperationKind kind, int client, string key, string? value, long nowMicros, string? requestId)
    {
        var id = _operations.Count;
        _operations.Add(new()
        {
            Id = id,
            Client = client,
            Key = key,
            Kind = kind,
            Value = value,
            InvokedAtMicros = nowMicros,
            RequestId = requestId,
        });
        return id;
    }

    private void Answer(int id, long nowMicros, Func<Operation, Operation> answer)
    {
        var operation = _operations[id];
        Invariant.Holds(operation.ReturnedAtMicros == Operation.Never);
        Invariant.Holds(nowMicros >= operation.InvokedAtMicros);
        _operations[id] = answer(operation) with { ReturnedAtMicros = nowMicros };
    }
}
