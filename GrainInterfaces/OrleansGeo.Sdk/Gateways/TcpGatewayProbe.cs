using System.Net;
using System.Net.Sockets;

namespace OrleansGeo.Sdk.Gateways;

/// <summary>A TCP connection that is opened and closed: of a host that lives and is reached, the operating system answers it.</summary>
internal static class TcpGatewayProbe
{
    public static async Task<TimeSpan?> AskAsync(Uri gateway, TimeProvider time, CancellationToken cancellation)
    {
        var endpoint = new IPEndPoint(IPAddress.Parse(gateway.DnsSafeHost), gateway.Port);
        using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        var began = time.GetTimestamp();
        try
        {
            await socket.ConnectAsync(endpoint, cancellation);
            return time.GetElapsedTime(began);
        }
        catch (Exception failure) when (failure is SocketException or OperationCanceledException)
        {
            return null;
        }
    }
}
