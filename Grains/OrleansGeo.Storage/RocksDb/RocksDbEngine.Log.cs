namespace OrleansGeo.Storage.RocksDb;

// The write-ahead log beside RocksDB, whose own is off: what is written goes to the log first and then into a memtable, young log entries
// to the log alone.
//
// A memtable is closed (and a table made from it) only here, right after the log was synced, so no table ever holds what a power cut could
// take from the log. A segment is given up when tables hold every memtable that was open while it was written, and none of its entries is
// young.
public sealed unsafe partial class RocksDbEngine
{
    private const string LogFolder = "wal";

    // What RocksDB's memory takes for a key beside the key and the value.
    private const int KeyOverheadBytes = 64;

    private readonly RocksDbOptions _options;
    private readonly WriteAheadLog _log;
    private readonly YoungLogs? _young;
    private readonly WriteBatch _spilt = new();

    // For each closed memtable that may not be a table yet, the segment it reaches to, oldest first.
    private readonly Queue<long> _closed = new();
    private long _memtableBytes;
    private long _storedThrough;

    private void Log(WriteBatch batch)
    {
        try
        {
            if (_log.MustRoll(batch) || _memtableBytes >= _options.WriteBufferBytes)
            {
                Roll(batch);
            }

            _log.Append(batch);
        }
        catch (IOException reason)
        {
            throw Fail($"A write to the store in {Folder} failed: {reason.Message}");
        }
    }

    private void Apply(WriteBatch batch, long segment)
    {
        var encoded = _encoder.Encode(batch, _young, segment);
        if (encoded.IsEmpty)
        {
            return;
        }

        WriteToMemtable(encoded);
        _recent.Add(batch, encoded.Length, _young);
    }

    private void WriteToMemtable(ReadOnlySpan<byte> encoded)
    {
        byte* error = null;
        fixed (byte* bytes = encoded)
        {
            var native = RocksDbNative.BatchCreateFrom(bytes, (nuint)encoded.Length);
            _count.Add(1);
            RocksDbNative.Write(_db.Value, _writeOptions.Value, native, &error);
            RocksDbNative.BatchDestroy(native);
            _count.Add(-1);
        }

        if (RocksDbError.Take(error) is { } text)
        {
            throw Fail($"A write to the store in {Folder} failed: {text}");
        }

        _memtableBytes += encoded.Length + ((long)_encoder.Count * KeyOverheadBytes);
    }

    // The active segment is full, or the memtable is.
    private void Roll(WriteBatch batch)
    {
        SyncLog();
        if (_memtableBytes == 0 || _memtableBytes >= _options.WriteBufferBytes)
        {
            CloseMemtable(waits: false);
        }

        NoteStored();
        if (_log.UsedCount >= _options.SegmentsMax)
        {
            if (_log.Oldest.YoungEntries > 0)
            {
                StoreYoungOf(_log.Oldest);
            }

            // Far too many: tables are made more slowly than segments are filled, so writing waits.
            CloseMemtable(waits: _log.UsedCount >= 2 * _options.SegmentsMax);
            NoteStored();
        }

        _log.Roll(batch);
    }

    // Closed memtables become tables in their order.
    private void NoteStored()
    {
        ulong waiting = 0;
        if (_closed.Count > 0 && RocksDbNative.PropertyInt(_db.Value, "rocksdb.num-immutable-mem-table", &waiting) == 0)
        {
            while (_closed.Count > (int)waiting)
            {
                _storedThrough = _closed.Dequeue();
            }
        }

        _log.Free(_storedThrough);
    }

    // The log is synced, and the active segment takes nothing more.
    private void CloseMemtable(bool waits)
    {
        if (_memtableBytes > 0)
        {
            byte* error = null;
            RocksDbNative.FlushOptionsWait(_flushOptions.Value, waits ? (byte)1 : (byte)0);
            RocksDbNative.Flush(_db.Value, _flushOptions.Value, &error);
            if (RocksDbError.Take(error) is { } text)
            {
                throw Fail($"A write to the store in {Folder} failed: {text}");
            }

            _memtableBytes = 0;
            _closed.Enqueue(_log.ActiveNumber);
        }
        else if (_closed.Count == 0)
        {
            _storedThrough = _log.ActiveNumber;
        }
    }

    private void SyncLog()
    {
        try
        {
            _ = _log.Sync();
        }
        catch (IOException reason)
        {
            throw Fail($"A sync of the store in {Folder} failed: {reason.Message}");
        }
    }

    private void StoreYoungOf(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        if (_young?.MayHold(start, end) == true)
        {
            StoreYoung();
        }
    }

    private void StoreYoung()
    {
        foreach (var segment in _log.YoungSegments())
        {
            StoreYoungOf(segment);
        }
    }

    // They are in the log still, until the memtable that takes them now is stored.
    private void StoreYoungOf(WalSegment segment)
    {
        try
        {
            _log.Read(segment, batch =>
            {
                _spilt.Clear();
                _young!.Pick(segment.Number, batch, _spilt);
                if (!_spilt.IsEmpty)
                {
                    WriteToMemtable(_encoder.Encode(_spilt, null, 0));
                }
            });
        }
        catch (IOException reason)
        {
            throw Fail($"A read from the store in {Folder} failed: {reason.Message}");
        }

        _young!.ForgetSegment(segment.Number);
        segment.NeededUntilStored = _log.ActiveNumber;
    }

    private void Recover()
    {
        _log.Recover(batch => Apply(batch, _log.ActiveNumber));
        if (_log.Sequence < _mark.Sequence)
        {
            throw Lost(Folder, _log.Sequence, _mark.Sequence);
        }

        StoreYoung();
        CloseMemtable(waits: true);
        _closed.Clear();
        _log.BeginAfterRecovery();
    }

    private static StorageCorruptException Lost(string folder, long recovered, long synced) => new(
        $"The store in {folder} lost writes that were durable (recovered up to {recovered}, synced up to {synced}): "
        + "remove the folder and let the node join anew.");

    // The highest index of a log that RocksDB holds.
    private ulong? HighestStored(byte[] name)
    {
        var keys = _options.LogKeys!;
        var above = keys.Above(name);
        using var cursor = OpenCursor(0, keys.KeyOf(name, 0), above);
        return !cursor.SeekBefore(above) ? null
            : keys.Contains(cursor.Key) ? keys.IndexOf(cursor.Key)
            : ulong.MaxValue;
    }

    // On the sync thread.
    private void SyncNow()
    {
        if (Failure is { } failure)
        {
            throw new StorageFailedException(failure.Message, failure);
        }

        try
        {
            _mark.Write(_log.Sync());
        }
        catch (IOException reason)
        {
            throw Fail($"A sync of the store in {Folder} failed: {reason.Message}");
        }
    }

    /// <summary>The log and the mark of a folder. A store of a version that used RocksDB's own log has neither yet.</summary>
    private sealed record OpenLog(WriteAheadLog Log, SyncedMark Mark)
    {
        internal static OpenLog Of(string folder, RocksDbOptions options, NativeHandle db)
        {
            var logs = Path.Combine(folder, LogFolder);
            if (!Directory.Exists(logs))
            {
                RefuseLoss(folder, db);
            }

            DurableFolder.Create(logs);
            SyncedMark.Delete(folder);
            var mark = new SyncedMark(logs);
            try
            {
                return new(WriteAheadLog.Open(logs, options), mark);
            }
            catch
            {
                mark.Dispose();
                throw;
            }
        }

        private static void RefuseLoss(string folder, NativeHandle db)
        {
            var recovered = (long)RocksDbNative.LatestSequenceNumber(db.Value);
            if (!SyncedMark.Exists(folder))
            {
                if (recovered > 0)
                {
                    throw new StorageCorruptException(
                        $"The store in {folder} lost writes: the folder {LogFolder} in it, its write-ahead log, is gone; put it back, or "
                        + "remove the store and let the node join anew.");
                }

                return;
            }

            using var mark = new SyncedMark(folder);
            if (recovered < mark.Sequence)
            {
                throw Lost(folder, recovered, mark.Sequence);
            }
        }
    }
}
