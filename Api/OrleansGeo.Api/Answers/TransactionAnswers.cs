using System.Collections.Immutable;
using System.Text.Json;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Answers;

/// <summary>What a transaction read and wrote.</summary>
public sealed class TransactionMadeAnswer(
    TransactionRequest transaction, IReadOnlyDictionary<string, TableInfo> tables, TransactionResult result, ResponseMeta meta) : IResult
{
    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        MetaHeaders.Write(httpContext.Response, meta);
        return JsonBuffer.SendAsync(
            httpContext.Response, "application/json", this, static (writer, answer) => answer.Write(writer));
    }

    private void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("commitTimestamp", result.CommitTimestamp.ToString());
        TransactionJson.WriteReads(writer, transaction.Reads, tables, result.Reads);
        TransactionJson.WriteWritten(writer, result.Writes);
        writer.WriteEndObject();
    }
}

/// <summary>The rows that an open transaction reads.</summary>
public sealed class TransactionReadsAnswer(
    ImmutableArray<TransactionRead> reads, IReadOnlyDictionary<string, TableInfo> tables, ImmutableArray<VersionedRow?> rows,
    ResponseMeta meta) : IResult
{
    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        MetaHeaders.Write(httpContext.Response, meta);
        return JsonBuffer.SendAsync(httpContext.Response, "application/json", (reads, tables, rows), static (writer, state) =>
        {
            writer.WriteStartObject();
            TransactionJson.WriteReads(writer, state.reads, state.tables, state.rows);
            writer.WriteEndObject();
        });
    }
}

/// <summary>The keys of the rows that a step writes.</summary>
public sealed class TransactionKeysAnswer(ImmutableArray<ImmutableArray<Datum>> keys, ResponseMeta meta) : IResult
{
    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        MetaHeaders.Write(httpContext.Response, meta);
        return JsonBuffer.SendAsync(httpContext.Response, "application/json", keys, static (writer, keys) =>
        {
            writer.WriteStartObject();
            writer.WriteStartArray("writes");
            foreach (var key in keys)
            {
                writer.WriteStartObject();
                writer.WritePropertyName("key");
                RowJson.WriteKey(writer, key);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }
}

/// <summary>What an open transaction has done.</summary>
public sealed class TransactionCommittedAnswer(TransactionResult result, ResponseMeta meta) : IResult
{
    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        MetaHeaders.Write(httpContext.Response, meta);
        return JsonBuffer.SendAsync(httpContext.Response, "application/json", result, static (writer, result) =>
        {
            writer.WriteStartObject();
            writer.WriteString("commitTimestamp", result.CommitTimestamp.ToString());
            TransactionJson.WriteWritten(writer, result.Writes);
            writer.WriteEndObject();
        });
    }
}

/// <summary>The parts that answers of transactions share.</summary>
internal static class TransactionJson
{
    public static void WriteReads(
        Utf8JsonWriter writer, ImmutableArray<TransactionRead> reads, IReadOnlyDictionary<string, TableInfo> tables,
        ImmutableArray<VersionedRow?> rows)
    {
        writer.WriteStartArray("reads");
        for (var i = 0; i < rows.Length; i++)
        {
            writer.WriteStartObject();
            writer.WriteString("table", reads[i].Table);
            writer.WritePropertyName("key");
            RowJson.WriteKey(writer, reads[i].Key);
            writer.WritePropertyName("row");
            if (rows[i] is { } row)
            {
                RowJson.Write(writer, tables[reads[i].Table], row.Row);
            }
            else
            {
                writer.WriteNullValue();
            }

            writer.WriteString("version", RowJson.VersionOf(rows[i]));
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    public static void WriteWritten(Utf8JsonWriter writer, ImmutableArray<TransactionWritten> writes)
    {
        writer.WriteStartArray("writes");
        foreach (var written in writes)
        {
            writer.WriteStartObject();
            writer.WritePropertyName("key");
            RowJson.WriteKey(writer, written.Key);
            writer.WriteString("version", written.Version.ToString());
            writer.WriteBoolean("created", written.Created);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}
