using System.Collections.Immutable;
using System.Text.Json;
using OrleansGeo.Api.Answers;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Requests;

/// <summary>What a body of steps may hold.</summary>
[Flags]
public enum TransactionParts
{
    /// <summary>Rows to read.</summary>
    Reads = 1,

    /// <summary>Rows to write.</summary>
    Writes = 2,

    /// <summary>Its isolation, and what must hold.</summary>
    Terms = 4,

    /// <summary>A whole transaction.</summary>
    All = Reads | Writes | Terms,
}

/// <summary>
/// A one-shot transaction, or steps of an open one, from JSON, in two steps: which tables it names, then each step by the columns of its
/// table.
/// </summary>
public sealed class TransactionReader
{
    private static readonly (string Word, ScanOperator Value)[] s_operators =
    [
        ("=", ScanOperator.Equal), ("!=", ScanOperator.NotEqual), ("<", ScanOperator.Less), ("<=", ScanOperator.LessOrEqual),
        (">", ScanOperator.Greater), (">=", ScanOperator.GreaterOrEqual),
    ];

    private readonly JsonMembers _body;
    private readonly TransactionIsolation _isolation;
    private readonly List<Step> _reads;
    private readonly List<Step> _conditions;
    private readonly List<Step> _writes;

    /// <summary>Reads the steps and their tables; <see cref="Error"/> says why that is not possible.</summary>
    public TransactionReader(JsonElement body, TransactionParts parts = TransactionParts.All)
    {
        _body = new(body);
        _isolation = parts.HasFlag(TransactionParts.Terms) ? OpenTransactionReader.Isolation(_body) : TransactionIsolation.Serializable;
        _reads = parts.HasFlag(TransactionParts.Reads) ? Steps("reads") : [];
        _conditions = parts.HasFlag(TransactionParts.Terms) ? Steps("conditions") : [];
        _writes = parts.HasFlag(TransactionParts.Writes) ? Steps("writes") : [];
        Error = _body.Finish();
    }

    /// <summary>Why the body is no transaction, whatever its tables are; null when it may be one.</summary>
    public GeoError? Error { get; }

    /// <summary>True when it writes.</summary>
    public bool Writes => _writes.Count > 0;

    /// <summary>The tables it names, each once and with the path where it is named first.</summary>
    public IEnumerable<(string Table, string Path)> Tables() =>
        _reads.Concat(_conditions).Concat(_writes).DistinctBy(static step => step.Table, StringComparer.Ordinal)
            .Select(static step => (step.Table, step.Members.PathOf("table")));

    /// <summary>Reads every step by its table, all of which are given; null with the refusal of the first that is wrong.</summary>
    public TransactionRequest? Read(IReadOnlyDictionary<string, TableInfo> tables, out GeoError? error)
    {
        var reads = ReadAll(_reads, tables, static (step, table) => new TransactionRead(step.Table, ReadKey(step.Members, table)));
        var conditions = ReadAll(_conditions, tables, ReadCondition);
        var writes = ReadAll(
            _writes, tables, static (step, table) => new TransactionWrite(step.Table, WriteReader.Read(step.Members, table)));
        error = _body.Error;
        return error is null ? new(_isolation, reads, conditions, writes) : null;
    }

    private List<Step> Steps(string name)
    {
        var items = _body.Items(name);
        if (items.Count > GeoLimits.TransactionStepsMax)
        {
            _body.Refuse(new(
                GeoErrorKind.TooLarge, "too-many-steps", $"A transaction has at most {GeoLimits.TransactionStepsMax} {name}.", name));
            return [];
        }

        var steps = new List<Step>(items.Count);
        foreach (var (item, path) in items)
        {
            if (_body.Error is not null)
            {
                break;
            }

            var members = new JsonMembers(item, path);
            steps.Add(new(members, members.Text("table", required: true) ?? ""));
            _body.Refuse(members.Error);
        }

        return steps;
    }

    private ImmutableArray<T> ReadAll<T>(List<Step> steps, IReadOnlyDictionary<string, TableInfo> tables, Func<Step, TableInfo, T> read)
    {
        var all = ImmutableArray.CreateBuilder<T>(steps.Count);
        foreach (var step in steps)
        {
            if (_body.Error is not null)
            {
                break;
            }

            all.Add(read(step, tables[step.Table]));
            _body.Refuse(step.Members.Finish());
        }

        return all.DrainToImmutable();
    }

    private static ImmutableArray<Datum> ReadKey(JsonMembers step, TableInfo table)
    {
        if (step.Element("key", required: true) is not { } list)
        {
            return [];
        }

        if (RowJson.TryReadKey(list, table, step.PathOf("key"), whole: true, out var key, out var error))
        {
            return key;
        }

        step.Refuse(error);
        return [];
    }

    private static TransactionCondition ReadCondition(Step step, TableInfo table)
    {
        var (members, name) = (step.Members, step.Table);
        var key = ReadKey(members, table);
        var exists = members.Flag("exists");
        var version = members.Text("version");
        var field = members.Has("field");
        if ((exists is null ? 0 : 1) + (version is null ? 0 : 1) + (field ? 1 : 0) != 1)
        {
            members.Refuse(Refusal.Wrong(
                members.Path, "one-of-expected",
                $"'{members.Path}' has exactly one of 'exists', 'version' and 'field' (with 'op' and 'value')."));
        }

        if (exists is { } there)
        {
            return new TransactionCondition.Existence(name, key, there);
        }

        if (version is not null)
        {
            if (!HlcTimestamp.TryParse(version, out var timestamp))
            {
                members.Refuse(Refusal.Wrong(
                    members.PathOf("version"), "bad-version",
                    $"'{members.PathOf("version")}' is the version of a row, as reads give it, not {DatumText.Quote(version)}."));
            }

            return new TransactionCondition.VersionIs(name, key, timestamp);
        }

        var column = WriteReader.ReadColumn(members, "field", table);
        members.Element("op", required: true);
        var comparison = members.Choice("op", s_operators) ?? ScanOperator.Equal;
        var value = column is null ? null : WriteReader.ReadValue(members, "value", column);
        return new TransactionCondition.Field(name, key, new(column?.Name ?? "", comparison, value ?? Datum.Null));
    }

    private sealed record Step(JsonMembers Members, string Table);
}
