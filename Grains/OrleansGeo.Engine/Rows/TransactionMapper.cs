using System.Collections.Immutable;
using System.Security.Cryptography;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>A transaction as ranges see it.</summary>
/// <param name="Reads">Stored keys of the rows to answer with, in the order asked.</param>
/// <param name="Conditions">What must hold, in the order given.</param>
/// <param name="Writes">What is written, in the order given; no key twice.</param>
/// <param name="WriteKeys">The key of each write as the user sees it, defaults filled in.</param>
public sealed record MappedTransaction(
    ImmutableArray<Key> Reads,
    ImmutableArray<MappedCondition> Conditions,
    ImmutableArray<KeyWrite> Writes,
    ImmutableArray<ImmutableArray<Datum>> WriteKeys);

/// <summary>A condition of a transaction on one stored key.</summary>
/// <param name="Check">What must hold.</param>
/// <param name="Condition">What the user asks for.</param>
public sealed record MappedCondition(KeyCheck Check, TransactionCondition Condition);

/// <summary>
/// From transactions as users give them to keys and values as ranges hold them: limits, tables, columns, types, and that no row is written
/// twice. Nothing here depends on the node: two gateways map one request to the same bytes, generated values included.
/// </summary>
public static class TransactionMapper
{
    /// <summary>The tables a transaction names, each once, in the order in which it first names them.</summary>
    public static ImmutableArray<string> TableNames(TransactionRequest transaction)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var names = ImmutableArray.CreateBuilder<string>();
        foreach (var name in transaction.Reads.Select(read => read.Table)
            .Concat(transaction.Conditions.Select(condition => condition.Table))
            .Concat(transaction.Writes.Select(write => write.Table)))
        {
            if (seen.Add(name))
            {
                names.Add(name);
            }
        }

        return names.DrainToImmutable();
    }

    /// <summary>What can be said of a transaction before its tables are known. Null when it is good, else why not.</summary>
    public static GeoError? Check(TransactionRequest transaction)
    {
        if (transaction.Isolation is < TransactionIsolation.Serializable or > TransactionIsolation.Strict)
        {
            return UnknownIsolation;
        }

        var (reads, conditions, writes) = (transaction.Reads.Length, transaction.Conditions.Length, transaction.Writes.Length);
        return reads + conditions + writes == 0
            ? new(GeoErrorKind.Invalid, "empty-transaction", "the transaction reads, requires and writes nothing", "writes")
            : TooMany("reads", reads) ?? TooMany("conditions", conditions) ?? TooMany("writes", writes);
    }

    /// <summary>Maps a transaction. Null when it was mapped, else why not; the field names the step at fault.</summary>
    /// <param name="transaction">What the user asks for.</param>
    /// <param name="tables">The tables of <see cref="TableNames"/> by name; those that do not exist are missing.</param>
    /// <param name="requestId">The request's id, from which generated values follow.</param>
    /// <param name="mapped">What ranges are asked.</param>
    public static GeoError? TryMap(
        TransactionRequest transaction, IReadOnlyDictionary<string, TableInfo> tables, ReadOnlySpan<byte> requestId,
        out MappedTransaction mapped)
    {
        mapped = null!;
        if (Check(transaction) is { } invalid)
        {
            return invalid;
        }

        var reads = ImmutableArray.CreateBuilder<Key>(transaction.Reads.Length);
        foreach (var (name, key) in transaction.Reads)
        {
            if (TryKey(tables, name, key, out _, out var rowKey) is { } error)
            {
                return At("reads", reads.Count, error);
            }

            reads.Add(rowKey);
        }

        var conditions = ImmutableArray.CreateBuilder<MappedCondition>(transaction.Conditions.Length);
        foreach (var condition in transaction.Conditions)
        {
            if (TryCondition(tables, condition, out var one) is { } error)
            {
                return At("conditions", conditions.Count, error);
            }

            conditions.Add(one);
        }

        if (TryWrites(transaction.Writes, tables, requestId, out var writes, out var writeKeys) is { } refused)
        {
            return refused;
        }

        mapped = new(reads.MoveToImmutable(), conditions.MoveToImmutable(), writes, writeKeys);
        return null;
    }

    /// <summary>
    /// The id from which the values follow that one write of a transaction generates: two inserts into one table make different rows.
    /// </summary>
    public static byte[] WriteId(ReadOnlySpan<byte> requestId, int position)
    {
        var text = new CodecWriter(32);
        text.WriteBytes(requestId);
        text.WriteInt32(position);
        return SHA256.HashData(text.Written)[..16];
    }

    private static GeoError? TryWrites(
        ImmutableArray<TransactionWrite> given, IReadOnlyDictionary<string, TableInfo> tables, ReadOnlySpan<byte> requestId,
        out ImmutableArray<KeyWrite> writes, out ImmutableArray<ImmutableArray<Datum>> keys)
    {
        (writes, keys) = ([], []);
        var mapped = ImmutableArray.CreateBuilder<KeyWrite>(given.Length);
        var completed = ImmutableArray.CreateBuilder<ImmutableArray<Datum>>(given.Length);
        var firsts = new Dictionary<Key, int>();
        var bytes = 0L;
        for (var i = 0; i < given.Length; i++)
        {
            if (!tables.TryGetValue(given[i].Table, out var table))
            {
                return At("writes", i, NoTable(given[i].Table));
            }

            if (RowMapper.TryMap(table, given[i].Write, WriteId(requestId, i), out var key, out var write) is { } error)
            {
                return At("writes", i, error);
            }

            if (!firsts.TryAdd(write.Key, i))
            {
                return At("writes", i, new(
                    GeoErrorKind.Unprocessable,
                    "duplicate-write",
                    $"the row is written by writes[{firsts[write.Key]}] too; a transaction writes a row once"));
            }

            bytes += write.Key.Length + write.Value.Length;
            mapped.Add(write);
            completed.Add(key);
        }

        (writes, keys) = (mapped.MoveToImmutable(), completed.MoveToImmutable());
        return bytes <= GeoLimits.TransactionBytesMax ? null : TransactionRefusals.TooLarge(bytes);
    }

    private static GeoError? TryCondition(
        IReadOnlyDictionary<string, TableInfo> tables, TransactionCondition condition, out MappedCondition mapped)
    {
        mapped = null!;
        if (TryKey(tables, condition.Table, condition.Key, out var table, out var key) is { } error)
        {
            return error;
        }

        if (condition is not TransactionCondition.Field field)
        {
            mapped = new(new(key, PreconditionOf(condition), null, false), condition);
            return null;
        }

        var layout = RowLayout.Of(table);
        if (RowFilter.Check(layout, field.Condition, out var position) is { } senseless)
        {
            return senseless;
        }

        var inKey = Array.IndexOf(layout.KeyPositions, position);
        var missing = inKey >= 0 ? condition.Key[inKey] : layout.Missing(position);
        var row = new RowCheck(table.ColumnIds[position], field.Condition.Operator, field.Condition.Literal, missing);
        mapped = new(new(key, Precondition.None, row, false), condition);
        return null;
    }

    private static Precondition PreconditionOf(TransactionCondition condition) => condition switch
    {
        TransactionCondition.Existence existence => existence.Exists ? Precondition.Exists : Precondition.Absent,
        TransactionCondition.VersionIs same => Precondition.VersionIs(same.Version),
        _ => Precondition.None,
    };

    private static GeoError? TryKey(
        IReadOnlyDictionary<string, TableInfo> tables, string name, ImmutableArray<Datum> key, out TableInfo table, out Key rowKey)
    {
        rowKey = default;
        return tables.TryGetValue(name, out table!) ? RowMapper.TryKey(table, key, out rowKey) : NoTable(name);
    }

    private static GeoError NoTable(string name) =>
        new(GeoErrorKind.NotFound, "table-not-found", $"the transaction's database has no table {name}", "table");

    private static GeoError? TooMany(string field, int steps) => steps <= GeoLimits.TransactionStepsMax
        ? null
        : new(
            GeoErrorKind.TooLarge,
            "too-many-steps",
            $"the transaction has {steps} {field} and {GeoLimits.TransactionStepsMax} is the limit",
            field);

    /// <summary>An isolation that is none.</summary>
    public static GeoError UnknownIsolation { get; } =
        new(GeoErrorKind.Invalid, "unknown-isolation", "a transaction is serializable or strict", "isolation");

    /// <summary>An error of one step, its field as the path from the request.</summary>
    public static GeoError At(string steps, int position, GeoError error) =>
        error with { Field = error.Field is null ? $"{steps}[{position}]" : $"{steps}[{position}].{error.Field}" };
}

/// <summary>What is answered when what is stored does not allow a transaction.</summary>
public static class TransactionRefusals
{
    /// <summary>A condition does not hold.</summary>
    /// <param name="position">Which, from 0.</param>
    /// <param name="condition">The condition.</param>
    /// <param name="found">The version of the row that is there; zero when there is none.</param>
    public static GeoError Condition(int position, TransactionCondition condition, HlcTimestamp found)
    {
        var what = found == HlcTimestamp.Zero ? "absent" : found.ToString();
        return new(
            GeoErrorKind.PreconditionFailed,
            "condition-failed",
            $"conditions[{position}] on a row of {condition.Table} does not hold; nothing was written",
            $"conditions[{position}]",
            Facts: ImmutableSortedDictionary<string, string>.Empty.Add("table", condition.Table).Add("found", what));
    }

    /// <summary>A write is refused as it would be alone.</summary>
    /// <param name="position">Which, from 0.</param>
    /// <param name="alone">What the write alone is answered.</param>
    public static GeoError Write(int position, GeoError alone) => alone with { Field = $"writes[{position}]" };

    /// <summary>The transaction writes more than it may.</summary>
    public static GeoError TooLarge(long bytes) => new(
        GeoErrorKind.TooLarge,
        "transaction-too-large",
        $"the transaction writes {bytes} bytes and {GeoLimits.TransactionBytesMax} is the limit",
        "writes");

    /// <summary>The sum of an increment does not fit its column's type.</summary>
    public static GeoError OutOfRange() =>
        new(GeoErrorKind.Unprocessable, "out-of-range", "the sum does not fit the column's type; nothing was written");
}
