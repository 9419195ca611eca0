using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Model;

public sealed partial class ModelGeoStore
{
    private readonly Dictionary<string, ModelTransaction> _open = new(StringComparer.Ordinal);

    /// <summary>The last transaction that was begun, and the last step asked of one.</summary>
    public (TransactionBegin? Begin, TransactionStep? Step) LastOpen { get; private set; }

    public Task<GeoResult<TransactionBegun>> BeginTransactionAsync(
        string database, TransactionBegin begin, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () =>
        {
            LastOpen = (begin, null);
            var idle = begin.IdleTimeout ?? GeoLimits.IdleTimeoutDefault;
            if (!_databases.ContainsKey(database))
            {
                return Refused<TransactionBegun>(NoDatabase(database));
            }

            if (idle > GeoLimits.IdleTimeoutMax || begin.AsOf > _now)
            {
                return Refused<TransactionBegun>(
                    begin.AsOf > _now
                        ? new(GeoErrorKind.Invalid, "timestamp-in-future", "The timestamp lies in the future.", "asOf")
                        : new(GeoErrorKind.Invalid, "bad-idle-timeout", "That is no idle timeout.", "idleTimeoutMs"));
            }

            var id = $"t{++_lastId}";
            _open[id] = new(database, begin) { At = begin.AsOf, UsedAt = _now };
            return Given(new TransactionBegun(id, "n1", idle));
        });

    public Task<GeoResult<TransactionAnswer>> StepTransactionAsync(
        string database, string transaction, TransactionStep step, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () =>
        {
            LastOpen = (null, step);
            if (!_open.TryGetValue(transaction, out var open) || open.Database != database
                || _now.WallMillis - open.UsedAt.WallMillis > (open.Begin.IdleTimeout ?? GeoLimits.IdleTimeoutDefault).TotalMilliseconds)
            {
                return Refused<TransactionAnswer>(
                    new(GeoErrorKind.NotFound, "transaction-not-found", "There is no such transaction.", "id"));
            }

            open.UsedAt = _now;
            if (options.IdempotencyKey is { } key && open.Last?.Key == key)
            {
                return open.Last.Value.Answer;
            }

            var answer = open.Ended is { } ended ? Again(ended, step) : Step(open, step);
            open.Last = options.IdempotencyKey is { } named ? (named, answer) : null;
            return answer;
        });

    private GeoResult<TransactionAnswer> Again((TransactionStep Step, GeoResult<TransactionAnswer> Answer) ended, TransactionStep step) =>
        !ended.Answer.IsOk && step is TransactionStep.Rollback ? Given<TransactionAnswer>(new TransactionAnswer.Done())
        : !ended.Answer.IsOk || ended.Step.GetType() == step.GetType() ? ended.Answer
        : Refused<TransactionAnswer>(new(GeoErrorKind.Unprocessable, "transaction-ended", "The transaction has ended.", "id"));

    private GeoResult<TransactionAnswer> Step(ModelTransaction open, TransactionStep step)
    {
        switch (step)
        {
            case TransactionStep.Read read:
                return AllTables(open.Database, "reads", read.Rows.Select(row => row.Table)) is { } missing
                    ? Refused<TransactionAnswer>(missing)
                    : Seen(open, new TransactionAnswer.Rows([.. read.Rows.Select(row => Read(open, row.Table, row.Key))]));
            case TransactionStep.Scan scan:
                return AllTables(open.Database, "scan", [scan.Table]) is { } unknown
                    ? Refused<TransactionAnswer>(unknown with { Field = "table" })
                    : Seen(open, new TransactionAnswer.Page(Scan(open, scan)));
            case TransactionStep.Write write:
                return Write(open, write.Writes);
            case TransactionStep.Savepoint savepoint:
                open.Marks.RemoveAll(mark => mark.Name == savepoint.Name);
                open.Marks.Add((savepoint.Name, [.. open.Writes]));
                return Given<TransactionAnswer>(new TransactionAnswer.Done());
            case TransactionStep.RollbackTo back when open.Marks.FindIndex(mark => mark.Name == back.Name) is >= 0 and var place:
                open.Writes = [.. open.Marks[place].Writes];
                open.Marks.RemoveRange(place + 1, open.Marks.Count - place - 1);
                return Given<TransactionAnswer>(new TransactionAnswer.Done());
            case TransactionStep.RollbackTo:
                return Refused<TransactionAnswer>(new(GeoErrorKind.NotFound, "savepoint-not-found", "There is no such savepoint.", "to"));
            case TransactionStep.Commit:
                open.Ended = (step, Commit(open));
                return open.Ended.Value.Answer;
            default:
                open.Ended = (step, Given<TransactionAnswer>(new TransactionAnswer.Done()));
                return open.Ended.Value.Answer;
        }
    }

    private GeoResult<TransactionAnswer> Seen(ModelTransaction open, TransactionAnswer answer) =>
        Given(answer, Meta(open.Begin.AsOf is { } at ? $"at;ts={at}" : "strong", open.At));

    private GeoError? AllTables(string database, string steps, IEnumerable<string> names)
    {
        var place = 0;
        foreach (var name in names)
        {
            if (!_tables.ContainsKey((database, name)))
            {
                return new(GeoErrorKind.NotFound, "table-not-found", $"There is no table {name}.", $"{steps}[{place}].table");
            }

            place++;
        }

        return null;
    }

    private VersionedRow? Read(ModelTransaction open, string table, ImmutableArray<Datum> key)
    {
        open.At ??= _now;
        var written = open.Writes.FindLast(write => write.Table == table && KeyOrder.Instance.Compare(write.Key, key) == 0);
        if (written.Table is not null)
        {
            return written.Row is { } own ? new(key, HlcTimestamp.Zero, own) : null;
        }

        var row = _tables[(open.Database, table)].At(key, open.At.Value);
        open.Reads.Add((table, key, row?.Version));
        return row;
    }

    private ScanPage Scan(ModelTransaction open, TransactionStep.Scan scan)
    {
        open.At ??= _now;
        var all = scan.Request with { Where = [], Limit = int.MaxValue - 1, PageToken = null };
        var stored = _tables[(open.Database, scan.Table)];
        open.Scans.Add((scan.Table, all, [.. PageOf(stored, all, open.At.Value, 0).Rows.Select(row => row.Version)]));
        var seen = new ModelTable(stored.Info, stored.Created);
        foreach (var (key, _) in stored.History)
        {
            if (stored.At(key, open.At.Value) is { } row)
            {
                seen.Append(key, row.Version, row.Row);
            }
        }

        foreach (var write in open.Writes.Where(write => write.Table == scan.Table))
        {
            seen.History.Remove(write.Key);
            seen.Append(write.Key, HlcTimestamp.Zero, write.Row);
        }

        var skip = 0;
        if (scan.Request.PageToken is { } token)
        {
            TryReadToken(token, new(open.Database, scan.Table), scan.Request, out _, out skip);
        }

        return PageOf(seen, scan.Request, open.At.Value, skip);
    }

    private GeoResult<TransactionAnswer> Write(ModelTransaction open, ImmutableArray<TransactionWrite> writes)
    {
        if (open.Begin.ReadOnly || open.Begin.AsOf is not null)
        {
            return Refused<TransactionAnswer>(new(GeoErrorKind.Unprocessable, "transaction-read-only", "It only reads.", "writes"));
        }

        if (AllTables(open.Database, "writes", writes.Select(write => write.Table)) is { } missing)
        {
            return Refused<TransactionAnswer>(missing);
        }

        var before = open.Writes.ToList();
        var keys = ImmutableArray.CreateBuilder<ImmutableArray<Datum>>();
        for (var i = 0; i < writes.Length; i++)
        {
            var (name, write) = writes[i];
            var (table, key) = (_tables[(open.Database, name)], write.Key);
            Row? after = null;
            var refusal = CheckKey(table.Info, ref key, write.Kind);
            if (refusal is null)
            {
                var isBlind = write.Kind == WriteKind.Put && write.Precondition == Precondition.None;
                refusal = TryWrite(table, write, key, isBlind ? null : Read(open, name, key), out after);
            }

            if (refusal is not null)
            {
                open.Writes = before;
                return Refused<TransactionAnswer>(TransactionRefusals.Write(i, refusal));
            }

            open.Writes.Add((name, key, after));
            keys.Add(key);
        }

        return Given<TransactionAnswer>(new TransactionAnswer.Written(keys.ToImmutable()));
    }

    private GeoResult<TransactionAnswer> Commit(ModelTransaction open)
    {
        var changed = open.Begin.AsOf is null && open.Writes.Count > 0
            && (open.Reads.Any(read => _tables[(open.Database, read.Table)].At(read.Key, HlcTimestamp.Max)?.Version != read.Version)
                || open.Scans.Any(scan => !PageOf(_tables[(open.Database, scan.Table)], scan.Request, HlcTimestamp.Max, 0).Rows
                    .Select(row => row.Version).SequenceEqual(scan.Versions)));
        if (changed)
        {
            return Refused<TransactionAnswer>(
                new(GeoErrorKind.Conflict, "transaction-conflict", "What it has read was changed by others."));
        }

        var version = open.Writes.Count > 0 ? Tick() : open.At ?? _now;
        var made = ImmutableArray.CreateBuilder<TransactionWritten>();
        foreach (var rows in open.Writes.GroupBy(write => (write.Table, Key: string.Join('/', write.Key))))
        {
            var (table, key, row) = rows.Last();
            var before = _tables[(open.Database, table)].At(key, HlcTimestamp.Max);
            if (before is not null || row is not null)
            {
                _tables[(open.Database, table)].Append(key, version, row);
                made.Add(new(key, version, before is null));
            }
        }

        return Given<TransactionAnswer>(new TransactionAnswer.Committed(new(version, [], made.ToImmutable())));
    }

    private sealed class ModelTransaction(string database, TransactionBegin begin)
    {
        public string Database => database;

        public TransactionBegin Begin => begin;

        public HlcTimestamp? At { get; set; }

        public HlcTimestamp UsedAt { get; set; }

        public List<(string Table, ImmutableArray<Datum> Key, HlcTimestamp? Version)> Reads { get; } = [];

        public List<(string Table, ScanRequest Request, ImmutableArray<HlcTimestamp> Versions)> Scans { get; } = [];

        public List<(string Table, ImmutableArray<Datum> Key, Row? Row)> Writes { get; set; } = [];

        public List<(string Name, ImmutableArray<(string Table, ImmutableArray<Datum> Key, Row? Row)> Writes)> Marks { get; } = [];

        public (TransactionStep Step, GeoResult<TransactionAnswer> Answer)? Ended { get; set; }

        public (string Key, GeoResult<TransactionAnswer> Answer)? Last { get; set; }
    }
}
