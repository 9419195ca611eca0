using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Encodes envelopes for the wire: format version, sender, receiver, lane, then consensus messages, heartbeats and engine messages, each
/// list behind its count. What bytes from outside say is checked here: anything but an envelope is a <see cref="CodecException"/>.
/// </summary>
public sealed class EnvelopeCodec
{
    /// <summary>
    /// The newest format version. Version 2 is version 1 with the span that asks before the body of each request; it is written only for an
    /// envelope that has one, so that nodes of before read everything else.
    /// </summary>
    public const byte FormatVersion = 2;

    private readonly NodeMessageFormat?[] _byKind = new NodeMessageFormat?[256];
    private readonly Dictionary<Type, NodeMessageFormat> _byType = [];

    /// <summary>Makes a codec for these engine messages. Kinds and types are unique.</summary>
    public EnvelopeCodec(params ReadOnlySpan<NodeMessageFormat> formats)
    {
        foreach (var format in formats)
        {
            Invariant.Holds(format.Kind != 0 && _byKind[format.Kind] is null);
            _byKind[format.Kind] = format;
            _byType.Add(format.Type, format);
        }
    }

    /// <summary>The codec of every message of the engine.</summary>
    public static EnvelopeCodec Standard { get; } = new(EnvelopeCodecFormats.All.AsSpan());

    /// <summary>About how many bytes an envelope takes on the wire; cheap, for the model's bandwidth.</summary>
    public static int EstimateBytes(Envelope envelope)
    {
        var bytes = 16 + (envelope.Liveness.Count * 48);
        foreach (var message in envelope.Consensus)
        {
            bytes += 32;
            for (var i = 0; i < message.Entries.Count; i++)
            {
                bytes += 12 + message.Entries[i].Payload.Length;
            }
        }

        foreach (var message in envelope.Messages)
        {
            bytes += message.EstimateBytes();
        }

        return bytes;
    }

    /// <summary>Writes an envelope.</summary>
    public void Write(CodecWriter writer, Envelope envelope)
    {
        var version = VersionOf(envelope);
        writer.WriteByte(version);
        writer.WriteInt32(envelope.From.Value);
        writer.WriteInt32(envelope.To.Value);
        writer.WriteByte((byte)envelope.Lane);
        writer.WriteInt64(envelope.FromIncarnation.Value);
        writer.WriteInt64(envelope.ToIncarnation.Value);
        writer.WriteInt64(envelope.Sequence);
        writer.WriteUInt64((ulong)envelope.Consensus.Count);
        foreach (var message in envelope.Consensus)
        {
            MessageCodec.Write(writer, message);
        }

        writer.WriteUInt64((ulong)envelope.Liveness.Count);
        foreach (var message in envelope.Liveness)
        {
            MessageCodec.Write(writer, message);
        }

        writer.WriteUInt64((ulong)envelope.Messages.Count);
        foreach (var message in envelope.Messages)
        {
            WriteMessage(writer, message, version);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote; everything is copied out of the source.</summary>
    public Envelope Read(ReadOnlySpan<byte> source)
    {
        var reader = new CodecReader(source);
        var version = reader.ReadVersion("an envelope", FormatVersion);
        var from = new NodeId(reader.ReadInt32());
        var to = new NodeId(reader.ReadInt32());
        var lane = reader.ReadEnum<Lane>("lane", (byte)Lane.Liveness, (byte)Lane.Bulk);
        var fromIncarnation = new Incarnation(reader.ReadInt64());
        var toIncarnation = new Incarnation(reader.ReadInt64());
        var sequence = reader.ReadInt64();
        var consensus = new Message[reader.ReadCount()];
        for (var i = 0; i < consensus.Length; i++)
        {
            consensus[i] = MessageCodec.ReadMessage(ref reader);
        }

        var liveness = new LivenessMessage[reader.ReadCount()];
        for (var i = 0; i < liveness.Length; i++)
        {
            liveness[i] = MessageCodec.ReadLiveness(ref reader);
        }

        var messages = new NodeMessage[reader.ReadCount()];
        for (var i = 0; i < messages.Length; i++)
        {
            messages[i] = ReadMessage(ref reader, version);
        }

        reader.ExpectEnd("an envelope");
        return new()
        {
            From = from,
            To = to,
            Lane = lane,
            FromIncarnation = fromIncarnation,
            ToIncarnation = toIncarnation,
            Sequence = sequence,
            Consensus = consensus,
            Liveness = liveness,
            Messages = messages,
        };
    }

    /// <summary>The envelope as bytes.</summary>
    public byte[] Encode(Envelope envelope)
    {
        var writer = new CodecWriter();
        Write(writer, envelope);
        return writer.ToArray();
    }

    /// <summary>An equal envelope that shares nothing with this one.</summary>
    public Envelope Clone(Envelope envelope) => Read(Encode(envelope));

    private static byte VersionOf(Envelope envelope)
    {
        foreach (var message in envelope.Messages)
        {
            if (message is RangeRequest { Trace: not null })
            {
                return FormatVersion;
            }
        }

        return 1;
    }

    private void WriteMessage(CodecWriter writer, NodeMessage message, byte version)
    {
        if (!_byType.TryGetValue(message.GetType(), out var format))
        {
            Invariant.Fail($"{message.GetType().Name} has no wire format: add it to EnvelopeCodecFormats.All");
        }

        writer.WriteByte(format.Kind);
        WanPath.Write(writer, message.Path);
        if (version > 1 && message is RangeRequest request)
        {
            TraceParent.Write(writer, request.Trace);
        }

        format.Write(writer, message);
    }

    private NodeMessage ReadMessage(ref CodecReader reader, byte version)
    {
        var kind = reader.ReadByte();
        var format = _byKind[kind] ?? throw new CodecException($"this build knows no engine message of kind {kind}");
        var path = WanPath.Read(ref reader);
        var trace = version > 1 && format.Type == typeof(RangeRequest) ? TraceParent.Read(ref reader) : null;
        var message = format.Read(ref reader);
        message.Path = path;
        if (trace is not null)
        {
            ((RangeRequest)message).Trace = trace;
        }

        return message;
    }
}

/// <summary>Reads the body of one kind of message.</summary>
public delegate NodeMessage NodeMessageReader(ref CodecReader reader);

/// <summary>How one type of engine message looks on the wire.</summary>
/// <param name="Kind">The byte that names it; never used again for another.</param>
/// <param name="Type">Its class.</param>
/// <param name="Write">Writes its body; the path is not part of it.</param>
/// <param name="Read">Reads the body.</param>
public sealed record NodeMessageFormat(byte Kind, Type Type, Action<CodecWriter, NodeMessage> Write, NodeMessageReader Read)
{
    /// <summary>The format of one class.</summary>
    public static NodeMessageFormat Of<T>(byte kind, Action<CodecWriter, T> write, NodeMessageReader read)
        where T : NodeMessage => new(kind, typeof(T), (writer, message) => write(writer, (T)message), read);
}
