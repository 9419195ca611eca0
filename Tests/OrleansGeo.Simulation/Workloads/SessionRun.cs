using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Simulation.Workloads;

/// <summary>Takes an abstract transaction step by step through a session, and notes what it did as the checkers want it.</summary>
public sealed class SessionRun
{
    private readonly ITransactionSession _session;
    private readonly AbstractTransaction _transaction;
    private readonly CancellationToken _cancellation;
    private readonly List<MicroOperation> _done = [];

    private SessionRun(ITransactionSession session, AbstractTransaction transaction, CancellationToken cancellation)
    {
        (_session, _transaction, _cancellation) = (session, transaction, cancellation);
    }

    private enum StepEnd
    {
        Done,
        Refused,
        Over,
    }

    /// <summary>Runs all steps and commits; rolls back when a requirement does not hold.</summary>
    public static async Task<TransactionEnd> RunAsync(
        ITransactionSession session,
        AbstractTransaction transaction,
        Action<IReadOnlyList<MicroOperation>> about,
        CancellationToken cancellation)
    {
        var run = new SessionRun(session, transaction, cancellation);
        for (var i = 0; i < transaction.Steps.Count; i++)
        {
            var end = await run.StepAsync(transaction.Steps[i], i);
            if (end == StepEnd.Refused)
            {
                await session.RollbackAsync(cancellation);
            }

            if (end != StepEnd.Done)
            {
                return new(TransactionOutcome.Aborted, run._done);
            }
        }

        about([.. run._done]);
        var (outcome, version) = await session.CommitAsync(cancellation);
        return new(outcome, run._done, version);
    }

    private async Task<StepEnd> StepAsync(AbstractStep step, int place)
    {
        switch (step)
        {
            case AbstractStep.Get get:
                return await ReadAsync(get.Key) is null ? StepEnd.Over : StepEnd.Done;
            case AbstractStep.GetList get:
                return await ReadListAsync(get.Key) is null ? StepEnd.Over : StepEnd.Done;
            case AbstractStep.Span span:
                return await ScanAsync(span.From, span.To) is null ? StepEnd.Over : StepEnd.Done;
            case AbstractStep.Put put:
                return await WriteAsync(put.Key, put.Value);
            case AbstractStep.Append append:
                return await AppendAsync(append);
            case AbstractStep.Add add:
                return await ReadAsync(add.Key) is { } row
                    ? await WriteAsync(add.Key, TaggedNumber.Text(TaggedNumber.Of(row.Value) + add.By, _transaction.Token, place))
                    : StepEnd.Over;
            case AbstractStep.RequireSum require:
                return await RequireAsync(require);
            default:
                var (from, to, rows) = (AbstractStep.RequireFewer)step;
                return await ScanAsync(from, to) is { } found ? found.Count < rows ? StepEnd.Done : StepEnd.Refused : StepEnd.Over;
        }
    }

    private async Task<StepEnd> RequireAsync(AbstractStep.RequireSum require)
    {
        var sum = 0L;
        foreach (var key in require.Keys)
        {
            if (await ReadAsync(key) is not { } row)
            {
                return StepEnd.Over;
            }

            sum += TaggedNumber.Of(row.Value);
        }

        return sum >= require.Least && sum <= require.Most ? StepEnd.Done : StepEnd.Refused;
    }

    private async Task<StepEnd> AppendAsync(AbstractStep.Append append)
    {
        if (await ReadListAsync(append.Key) is not { } elements)
        {
            return StepEnd.Over;
        }

        _done.Add(new MicroOperation.Append(append.Key, append.Element));
        return await _session.WriteAsync(append.Key, string.Join(' ', elements.Append(append.Element)), _cancellation)
            ? StepEnd.Done
            : StepEnd.Over;
    }

    private async Task<StepEnd> WriteAsync(string key, string value)
    {
        _done.Add(new MicroOperation.Write(key, value));
        return await _session.WriteAsync(key, value, _cancellation) ? StepEnd.Done : StepEnd.Over;
    }

    private async Task<SessionRow?> ReadAsync(string key)
    {
        var row = await _session.ReadAsync(key, _cancellation);
        if (row is not null)
        {
            _done.Add(new MicroOperation.Read(key, row.Value, row.Version));
        }

        return row;
    }

    private async Task<string[]?> ReadListAsync(string key)
    {
        if (await _session.ReadAsync(key, _cancellation) is not { } row)
        {
            return null;
        }

        string[] elements = row.Value?.Split(' ') ?? [];
        _done.Add(new MicroOperation.ReadList(key, elements));
        return elements;
    }

    private async Task<IReadOnlyList<SessionRow>?> ScanAsync(string from, string to)
    {
        var rows = await _session.ScanAsync(from, to, _cancellation);
        if (rows is not null)
        {
            _done.Add(new MicroOperation.Scan(from, to, [.. rows.Select(row => new MicroOperation.Read(row.Key, row.Value, row.Version))]));
        }

        return rows;
    }
}
