using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrleansGeo.Api.Views;

// Bodies as the description of the API shows them. Requests are read by Requests.JsonMembers, which names what is wrong.

/// <summary>
/// A database to create. The regions include the primary; <c>survive</c> is zone or region, <c>placement</c> default or restricted.
/// </summary>
public sealed record DatabaseBody(
    string Name, string PrimaryRegion, ImmutableArray<string> Regions, string? SecondaryRegion = null, string? WitnessRegion = null,
    string? Survive = "zone", string? Placement = "default");

/// <summary>A column to create.</summary>
public sealed record ColumnBody(string Name, string Type, bool? Nullable = null, JsonElement? Default = null);

/// <summary>Where rows live: <c>type</c> is regional, <c>region</c> is primary or a name.</summary>
public sealed record LocalityBody(string Type, string? Region = "primary");

/// <summary>A table to create.</summary>
public sealed record TableBody(
    string Name, ImmutableArray<ColumnBody> Columns, ImmutableArray<string> PrimaryKey, LocalityBody? Locality = null,
    string? Survive = null);

/// <summary>A change to a table.</summary>
public sealed record TableChangeBody(ImmutableArray<ColumnBody> AddColumns);

/// <summary>Where to split: values of the key's columns, or of the first of them; near the middle when left out.</summary>
public sealed record SplitBody(ImmutableArray<JsonElement>? At = null);

/// <summary>Which node is to lead.</summary>
public sealed record TransferLeaderBody(string Node);

/// <summary>
/// One write of a batch. <c>op</c> is put, insert, merge, delete or increment; the key may stand in <c>key</c> or in the row. An increment
/// adds <c>by</c> to the column <c>field</c>, and has no row.
/// </summary>
public sealed record BatchWriteBody(
    string Op, ImmutableArray<JsonElement>? Key = null, JsonObject? Row = null, string? Field = null, JsonElement? By = null,
    JsonElement? IfMatch = null, JsonElement? IfNoneMatch = null);

/// <summary>Many writes, each on its own.</summary>
public sealed record BatchBody(ImmutableArray<BatchWriteBody> Writes);

/// <summary>The outcome of one write: what the same write alone would have answered.</summary>
public sealed record BatchResultView(
    int Status, ImmutableArray<JsonElement>? Key = null, string? Version = null, ProblemView? Problem = null);

/// <summary>Outcomes in the order of the writes.</summary>
public sealed record BatchView(ImmutableArray<BatchResultView> Results);

/// <summary>A row that a transaction reads.</summary>
public sealed record TransactionReadBody(string Table, ImmutableArray<JsonElement> Key);

/// <summary>
/// What must hold of a row: <c>exists</c>, or its <c>version</c>, or that the column <c>field</c> compares with <c>value</c> by <c>op</c>,
/// one of = != &lt; &lt;= &gt; &gt;=. A null column satisfies nothing.
/// </summary>
public sealed record TransactionConditionBody(
    string Table, ImmutableArray<JsonElement> Key, bool? Exists = null, string? Version = null, string? Field = null, string? Op = null,
    JsonElement? Value = null);

/// <summary>A write of a transaction: as in a batch, with its table.</summary>
public sealed record TransactionWriteBody(
    string Table, string Op, ImmutableArray<JsonElement>? Key = null, JsonObject? Row = null, string? Field = null, JsonElement? By = null,
    JsonElement? IfMatch = null, JsonElement? IfNoneMatch = null);

/// <summary>
/// A transaction: what it reads, requires and writes. <c>isolation</c> is serializable or strict. Reads see the rows before the writes; a
/// row is written once.
/// </summary>
public sealed record TransactionBody(
    string? Isolation = "serializable", ImmutableArray<TransactionReadBody>? Reads = null,
    ImmutableArray<TransactionConditionBody>? Conditions = null, ImmutableArray<TransactionWriteBody>? Writes = null);

/// <summary>A row that was read; <c>row</c> and <c>version</c> are null when there is none.</summary>
public sealed record TransactionReadView(string Table, ImmutableArray<JsonElement> Key, JsonObject? Row, string? Version);

/// <summary>A row that was written; for a delete the version is that of the deletion.</summary>
public sealed record TransactionWrittenView(ImmutableArray<JsonElement> Key, string Version, bool Created);

/// <summary>What a transaction did at its timestamp, in the order of its steps.</summary>
public sealed record TransactionView(
    string CommitTimestamp, ImmutableArray<TransactionReadView> Reads, ImmutableArray<TransactionWrittenView> Writes);

/// <summary>
/// How to begin a transaction that stays open. With <c>asOf</c> it reads the rows of that moment, and only reads. It ends when it stands
/// idle for <c>idleTimeoutMs</c>, 30,000 when not given.
/// </summary>
public sealed record TransactionBeginBody(
    string? Isolation = "serializable", bool? ReadOnly = false, string? AsOf = null, long? IdleTimeoutMs = null);

/// <summary>A transaction that is open, and the node that it is open on.</summary>
public sealed record TransactionBegunView(string Id, string Node, long IdleTimeoutMs);

/// <summary>Rows to read.</summary>
public sealed record TransactionReadsBody(ImmutableArray<TransactionReadBody> Reads);

/// <summary>The rows in the order asked; the version of one that the transaction has written itself is null.</summary>
public sealed record TransactionReadsView(ImmutableArray<TransactionReadView> Reads);

/// <summary>Rows to write.</summary>
public sealed record TransactionWritesBody(ImmutableArray<TransactionWriteBody> Writes);

/// <summary>The key of a row that is written, defaults filled in.</summary>
public sealed record TransactionKeyView(ImmutableArray<JsonElement> Key);

/// <summary>The rows that are written, in the order given.</summary>
public sealed record TransactionWritesView(ImmutableArray<TransactionKeyView> Writes);

/// <summary>The name of a mark.</summary>
public sealed record SavepointBody(string Name);

/// <summary>The mark to go back to; the transaction ends when none is given.</summary>
public sealed record RollbackBody(string? To = null);

/// <summary>What a transaction has done, its rows in the order in which they were first written.</summary>
public sealed record TransactionCommittedView(string CommitTimestamp, ImmutableArray<TransactionWrittenView> Writes);

/// <summary>One row of a page; its version is null when an open transaction has written it itself.</summary>
public sealed record ScannedRowView(ImmutableArray<JsonElement> Key, string? Version, JsonObject Row);

/// <summary>A page; <c>next</c> is null at the end.</summary>
public sealed record PageView(ImmutableArray<ScannedRowView> Rows, string? Next);

/// <summary>An RFC 9457 problem.</summary>
public sealed record ProblemView(
    string Type, string Title, int Status, string Detail, string Code, string? Field = null, bool? Retryable = null,
    long? RetryAfterMs = null,
    ImmutableSortedDictionary<string, string>? Facts = null, string? TraceId = null);
