using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Orleans.Runtime.Messaging;

namespace OrleansGeo.Tests.Orleans.Wan;

/// <summary>
/// Puts the WAN into the connections that a silo opens. A connection carries both directions, so what the other silo sends on it passes
/// here too. Bytes are late and come in order; none is lost in the middle, which would break the stream.
/// </summary>
internal sealed class WanMiddleware(WanLines lines, string region, Func<int, string> regionOfPort) : IConnectionMiddleware
{
    // Whoever writes must not wait for a line that is cut: the socket's own buffers are part of the WAN.
    private static readonly PipeOptions s_unbounded = new(pauseWriterThreshold: 0, useSynchronizationContext: false);

    public async Task OnConnectionAsync(ConnectionContext context, ConnectionDelegate next)
    {
        var other = regionOfPort(((IPEndPoint)context.RemoteEndPoint!).Port);
        var wire = context.Transport;
        var (incoming, outgoing) = (new Pipe(s_unbounded), new Pipe(s_unbounded));
        using var over = new CancellationTokenSource();
        context.Transport = new Ends(incoming.Reader, outgoing.Writer);

        // Orleans ends a connection by cancelling the read of the wire itself; who reads behind the WAN has to learn it at once.
        var pumps = Task.WhenAll(
            PumpAsync(wire.Input, incoming.Writer, lines.Between(other, region), incoming.Reader.CancelPendingRead, over.Token),
            PumpAsync(outgoing.Reader, wire.Output, lines.Between(region, other), static () => { }, over.Token));
        try
        {
            await next(context);
        }
        finally
        {
            await over.CancelAsync();
            wire.Input.CancelPendingRead();
            outgoing.Reader.CancelPendingRead();
            await pumps;
            context.Transport = wire;
        }
    }

    private static async Task PumpAsync(
        PipeReader from, PipeWriter to, WanLines.Line line, Action cancelled, CancellationToken over)
    {
        var underWay = Channel.CreateUnbounded<(long Due, byte[] Bytes)>();
        var arriving = ArriveAsync(underWay.Reader, to, line, over);
        try
        {
            while (!over.IsCancellationRequested)
            {
                var read = await from.ReadAsync(CancellationToken.None);
                if (!read.Buffer.IsEmpty)
                {
                    underWay.Writer.TryWrite((line.Due(), read.Buffer.ToArray()));
                }

                from.AdvanceTo(read.Buffer.End);
                if (read.IsCanceled)
                {
                    cancelled();
                }

                if (read.IsCanceled || read.IsCompleted)
                {
                    break;
                }
            }
        }
        catch (Exception lost) when (lost is IOException or ConnectionAbortedException or InvalidOperationException)
        {
            // The connection is no more; that is told as its end.
        }

        underWay.Writer.Complete();
        await arriving;
    }

    private static async Task ArriveAsync(
        ChannelReader<(long Due, byte[] Bytes)> underWay, PipeWriter to, WanLines.Line line, CancellationToken over)
    {
        try
        {
            await foreach (var (due, bytes) in underWay.ReadAllAsync(over))
            {
                await line.ArriveAsync(due, over);
                await to.WriteAsync(bytes, over);
            }

            // The end of a stream is under way as long as its last byte.
            await line.ArriveAsync(line.Due(), over);
        }
        catch (Exception lost) when (lost is OperationCanceledException or IOException or ConnectionAbortedException
            or InvalidOperationException)
        {
            // As above.
        }

        await to.CompleteAsync();
    }

    private sealed class Ends(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
