using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Wire;

/// <summary>What can be asked of a store, by number. A number is never given twice.</summary>
internal enum StoreOperation : byte
{
    GetCluster = 1,
    ListNodes = 2,
    ListRanges = 3,
    ListLatencies = 4,
    GetReadiness = 5,
    SplitRange = 6,
    TransferLeader = 7,
    CreateDatabase = 8,
    GetDatabase = 9,
    ListDatabases = 10,
    DropDatabase = 11,
    CreateTable = 12,
    GetTable = 13,
    ListTables = 14,
    ChangeTable = 15,
    DropTable = 16,
    ReadRow = 17,
    ReadRows = 18,
    WriteRow = 19,
    WriteRows = 20,
    Scan = 21,
    Transact = 22,
    BeginTransaction = 23,
    StepTransaction = 24,
}

/// <summary>Which part of a store an operation belongs to.</summary>
public enum StoreArea
{
    /// <summary>Nodes, ranges, readiness.</summary>
    Cluster = 1,

    /// <summary>Databases and tables.</summary>
    Catalog = 2,

    /// <summary>Reads and scans of rows.</summary>
    Read = 3,

    /// <summary>Writes of rows, and transactions.</summary>
    Write = 4,
}

/// <summary>
/// The requests and results of <see cref="IGeoStore"/> as bytes, for callers in another process. A request is a version byte, the number of
/// the operation, the request's options and its own content; an answer is a version byte and the result.
/// </summary>
public static class StoreWire
{
    /// <summary>The newest format version, which is the one written.</summary>
    public const byte FormatVersion = 1;

    private static readonly ImmutableSortedDictionary<StoreOperation, Handler> s_handlers = Handlers();

    /// <summary>Carries a request out on a store.</summary>
    /// <exception cref="CodecException">The bytes are no request of this area, or one of a newer build; nothing was carried
    /// out.</exception>
    public static Task<byte[]> AnswerAsync(IGeoStore store, StoreArea area, byte[] request, CancellationToken cancellation)
    {
        var reader = new CodecReader(request);
        reader.ReadVersion("a request", FormatVersion);
        var operation = (StoreOperation)reader.ReadByte();
        if (!s_handlers.TryGetValue(operation, out var handler) || AreaOf(operation) != area)
        {
            throw new CodecException($"this build knows no request of number {(byte)operation} here");
        }

        var options = new RequestOptions(
            TimeSpan.FromTicks(reader.ReadInt64()), reader.ReadOptionalString(), reader.ReadOptionalString());
        var carryOut = handler(ref reader, new(options, cancellation));
        reader.ExpectEnd("a request");
        return carryOut(store);
    }

    internal static CodecWriter Begin(StoreOperation operation, RequestOptions options)
    {
        var writer = new CodecWriter();
        writer.WriteByte(FormatVersion);
        writer.WriteByte((byte)operation);
        writer.WriteInt64(options.Timeout.Ticks);
        writer.WriteOptional(options.IdempotencyKey);
        writer.WriteOptional(options.Session);
        return writer;
    }

    internal static GeoResult<T> ReadAnswer<T>(byte[] answer, ItemReader<T> read)
        where T : class
    {
        var reader = new CodecReader(answer);
        reader.ReadVersion("an answer", FormatVersion);
        var result = WireResults.Read(ref reader, read);
        reader.ExpectEnd("an answer");
        return result;
    }

    internal static StoreArea AreaOf(StoreOperation operation) => operation switch
    {
        >= StoreOperation.CreateDatabase and <= StoreOperation.DropTable => StoreArea.Catalog,
        StoreOperation.ReadRow or StoreOperation.ReadRows or StoreOperation.Scan => StoreArea.Read,
        StoreOperation.WriteRow or StoreOperation.WriteRows or StoreOperation.Transact or StoreOperation.BeginTransaction
            or StoreOperation.StepTransaction => StoreArea.Write,
        _ => StoreArea.Cluster,
    };

    private static async Task<byte[]> Encode<T>(Task<GeoResult<T>> pending, Action<CodecWriter, T> write)
        where T : class
    {
        var writer = new CodecWriter();
        writer.WriteByte(FormatVersion);
        WireResults.Write(writer, await pending, write);
        return writer.ToArray();
    }

    private static ImmutableSortedDictionary<StoreOperation, Handler> Handlers()
    {
        var all = ImmutableSortedDictionary.CreateBuilder<StoreOperation, Handler>();
        AddCluster(all);
        AddDatabases(all);
        AddTables(all);
        AddRows(all);
        return all.ToImmutable();
    }

    private static void AddCluster(ImmutableSortedDictionary<StoreOperation, Handler>.Builder all)
    {
        all[StoreOperation.GetCluster] = static (ref _, with) =>
            store => Encode(store.GetClusterAsync(with.Options, with.Cancellation), WireCluster.WriteCluster);
        all[StoreOperation.ListNodes] = static (ref _, with) =>
            store => Encode(store.ListNodesAsync(with.Options, with.Cancellation), WireCluster.WriteNodes);
        all[StoreOperation.ListRanges] = static (ref reader, with) =>
        {
            TableRef? table = reader.ReadBool() ? WireFields.ReadTable(ref reader) : null;
            return store => Encode(store.ListRangesAsync(table, with.Options, with.Cancellation), WireCluster.WriteRanges);
        };
        all[StoreOperation.ListLatencies] = static (ref _, with) =>
            store => Encode(store.ListLatenciesAsync(with.Options, with.Cancellation), WireCluster.WriteLatencies);
        all[StoreOperation.GetReadiness] = static (ref _, with) =>
            store => Encode(store.GetReadinessAsync(with.Options, with.Cancellation), WireCluster.WriteReadiness);
        all[StoreOperation.SplitRange] = static (ref reader, with) =>
        {
            var (range, at) = (reader.ReadInt64(), WireFields.ReadOptionalKey(ref reader));
            return store => Encode(store.SplitRangeAsync(range, at, with.Options, with.Cancellation), WireCluster.WriteRange);
        };
        all[StoreOperation.TransferLeader] = static (ref reader, with) =>
        {
            var (range, node) = (reader.ReadInt64(), reader.ReadString());
            return store => Encode(store.TransferLeaderAsync(range, node, with.Options, with.Cancellation), WireCluster.WriteRange);
        };
    }

    private static void AddDatabases(ImmutableSortedDictionary<StoreOperation, Handler>.Builder all)
    {
        all[StoreOperation.CreateDatabase] = static (ref reader, with) =>
        {
            var spec = WireSchema.ReadDatabaseSpec(ref reader);
            return store => Encode(store.CreateDatabaseAsync(spec, with.Options, with.Cancellation), WireSchema.WriteDatabase);
        };
        all[StoreOperation.GetDatabase] = static (ref reader, with) =>
        {
            var database = reader.ReadString();
            return store => Encode(store.GetDatabaseAsync(database, with.Options, with.Cancellation), WireSchema.WriteDatabase);
        };
        all[StoreOperation.ListDatabases] = static (ref _, with) =>
            store => Encode(store.ListDatabasesAsync(with.Options, with.Cancellation), WireSchema.WriteDatabases);
        all[StoreOperation.DropDatabase] = static (ref reader, with) =>
        {
            var database = reader.ReadString();
            return store => Encode(store.DropDatabaseAsync(database, with.Options, with.Cancellation), WireSchema.WriteDatabase);
        };
    }

    private static void AddTables(ImmutableSortedDictionary<StoreOperation, Handler>.Builder all)
    {
        all[StoreOperation.CreateTable] = static (ref reader, with) =>
        {
            var (database, spec) = (reader.ReadString(), WireSchema.ReadTableSpec(ref reader));
            return store => Encode(store.CreateTableAsync(database, spec, with.Options, with.Cancellation), WireSchema.WriteTable);
        };
        all[StoreOperation.GetTable] = static (ref reader, with) =>
        {
            var (table, bound) = (WireFields.ReadTable(ref reader), WireRows.ReadReadBound(ref reader));
            return store => Encode(store.GetTableAsync(table, bound, with.Options, with.Cancellation), WireSchema.WriteTable);
        };
        all[StoreOperation.ListTables] = static (ref reader, with) =>
        {
            var database = reader.ReadString();
            return store => Encode(store.ListTablesAsync(database, with.Options, with.Cancellation), WireSchema.WriteTables);
        };
        all[StoreOperation.ChangeTable] = static (ref reader, with) =>
        {
            var (table, columns) = (WireFields.ReadTable(ref reader), WireSchema.ReadColumns(ref reader));
            return store => Encode(store.ChangeTableAsync(table, new(columns), with.Options, with.Cancellation), WireSchema.WriteTable);
        };
        all[StoreOperation.DropTable] = static (ref reader, with) =>
        {
            var table = WireFields.ReadTable(ref reader);
            return store => Encode(store.DropTableAsync(table, with.Options, with.Cancellation), WireSchema.WriteTable);
        };
    }

    private static void AddRows(ImmutableSortedDictionary<StoreOperation, Handler>.Builder all)
    {
        all[StoreOperation.ReadRow] = static (ref reader, with) =>
        {
            var (table, key) = (WireFields.ReadTable(ref reader), WireFields.ReadKey(ref reader));
            var bound = WireRows.ReadReadBound(ref reader);
            return store => Encode(store.ReadRowAsync(table, key, bound, with.Options, with.Cancellation), WireRows.WriteVersioned);
        };
        all[StoreOperation.ReadRows] = static (ref reader, with) =>
        {
            var (table, keys) = (WireFields.ReadTable(ref reader), reader.ReadList(WireFields.ReadKey));
            var bound = WireRows.ReadReadBound(ref reader);
            return store => Encode(store.ReadRowsAsync(table, keys, bound, with.Options, with.Cancellation), WireRows.WriteFound);
        };
        all[StoreOperation.WriteRow] = static (ref reader, with) =>
        {
            var (table, write) = (WireFields.ReadTable(ref reader), WireRows.ReadWrite(ref reader));
            return store => Encode(store.WriteRowAsync(table, write, with.Options, with.Cancellation), WireRows.WriteWritten);
        };
        all[StoreOperation.WriteRows] = static (ref reader, with) =>
        {
            var (table, writes) = (WireFields.ReadTable(ref reader), reader.ReadList(WireRows.ReadWrite));
            return store => Encode(store.WriteRowsAsync(table, writes, with.Options, with.Cancellation), WireRows.WriteEachWritten);
        };
        all[StoreOperation.Transact] = static (ref reader, with) =>
        {
            var (database, transaction) = (reader.ReadString(), WireTransactions.ReadRequest(ref reader));
            return store => Encode(
                store.TransactAsync(database, transaction, with.Options, with.Cancellation), WireTransactions.WriteResult);
        };
        all[StoreOperation.BeginTransaction] = static (ref reader, with) =>
        {
            var (database, begin) = (reader.ReadString(), WireOpenTransactions.ReadBegin(ref reader));
            return store => Encode(
                store.BeginTransactionAsync(database, begin, with.Options, with.Cancellation), WireOpenTransactions.WriteBegun);
        };
        all[StoreOperation.StepTransaction] = static (ref reader, with) =>
        {
            var (database, transaction) = (reader.ReadString(), reader.ReadString());
            var step = WireOpenTransactions.ReadStep(ref reader);
            return store => Encode(
                store.StepTransactionAsync(database, transaction, step, with.Options, with.Cancellation), WireOpenTransactions.WriteAnswer);
        };
        all[StoreOperation.Scan] = static (ref reader, with) =>
        {
            var (table, scan) = (WireFields.ReadTable(ref reader), WireRows.ReadScan(ref reader));
            var bound = WireRows.ReadReadBound(ref reader);
            return store => Encode(store.ScanAsync(table, scan, bound, with.Options, with.Cancellation), WireRows.WritePage);
        };
    }

    // Reads a request's content, all of it before anything is carried out.
    private delegate Func<IGeoStore, Task<byte[]>> Handler(ref CodecReader reader, With with);

    private readonly record struct With(RequestOptions Options, CancellationToken Cancellation);
}
