"""What the end-to-end and fault tests share: a system that is started as a user would start it
(system.py), services that misbehave on demand (service.py, run as a program), clients that count
every request (load.py, websocket.py), and what the kernel knows of processes and ports (processes.py).

Nothing here knows how Trunkline works inside: only its commands, its manifest and its answers.
"""
